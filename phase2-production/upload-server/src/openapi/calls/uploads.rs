//! Calls for uploads in several steps: to a signed URL, or resumable (tus 1.0).

use crate::openapi::call::{CALL, Call, SecurityRequirement};
use crate::openapi::parts::{Body, CallParameter, CallResponse, json, of};
use crate::openapi::value_type::{IDEMPOTENCY_KEY, SHA256, ValueType};
use api_contract::files::FileCreated;
use api_contract::problem::ProblemKind as Kind;
use api_contract::uploads::{
    PendingUploads, TUS_MEDIA_TYPE, TUS_VERSION, UploadComplete, UploadStart,
    UploadStarted,
};
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Delete, Head, Options, Patch, Post, Put};
use utoipa::openapi::path::ParameterIn;

const SIGNED: Call = Call { tag: "uploads", ..CALL };

const TUS: Call = Call { tag: "tus", parameters: &[RESUMABLE], ..CALL };

const RESUMABLE: CallParameter =
    header("Tus-Resumable", ValueType::TusVersion, TUS_VERSION, "The protocol version.");

const fn header(
    name: &'static str,
    value: ValueType,
    example: &'static str,
    description: &'static str,
) -> CallParameter {
    let location = ParameterIn::Header;
    CallParameter { name, location, required: true, description, value, example }
}

const fn query(
    name: &'static str,
    value: ValueType,
    description: &'static str,
) -> CallParameter {
    let location = ParameterIn::Query;
    CallParameter { name, location, required: true, description, value, example: "" }
}

const fn bare(
    status: u16,
    description: &'static str,
    headers: &'static [&'static str],
) -> CallResponse {
    CallResponse { status, description, body: Body::Nothing, headers }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::UPLOADS_START,
        summary: "Begin an upload and get a signed URL for its bytes",
        details: "Its whole size counts for the quota from now on.",
        request_body: Body::Json(of::<UploadStart>),
        responses: &[json(201, "Where to PUT the bytes.", of::<UploadStarted>)],
        problems: &[
            Kind::TooManyRequests,
            Kind::Forbidden,
            Kind::UploadTooLarge,
            Kind::QuotaExceeded,
            Kind::InsufficientStorage,
            Kind::FileStoreUnavailable,
        ],
        ..SIGNED
    },
    Call {
        method: Put,
        path: paths::UPLOADS_CONTENT,
        summary: "Send the bytes to the signed URL",
        details: "With a bucket, the URL is the bucket's own and this call is not used.",
        security: SecurityRequirement::Signature,
        parameters: &[
            query("organisation", ValueType::Text, "Part of the signed URL."),
            query(
                "expires",
                ValueType::Number,
                "Part of the signed URL: milliseconds since 1970.",
            ),
            query("signature", ValueType::Pattern(SHA256), "Part of the signed URL."),
        ],
        request_body: Body::Bytes("application/octet-stream"),
        responses: &[json(200, "The bytes are stored.", of::<Message>)],
        problems: &[
            Kind::TooManyRequests,
            Kind::UploadBusy,
            Kind::Forbidden,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::UploadIncomplete,
            Kind::UploadTooLarge,
            Kind::MalformedRequest,
            Kind::InsufficientStorage,
            Kind::RecordsUnavailable,
            Kind::FileStoreUnavailable,
        ],
        ..SIGNED
    },
    Call {
        method: Post,
        path: paths::UPLOADS_COMPLETE,
        summary: "Turn the bytes into a file",
        details: "A repetition gets the same reply.",
        request_body: Body::Json(of::<UploadComplete>),
        responses: &[CallResponse {
            status: 201,
            description: "The file.",
            body: Body::Json(of::<FileCreated>),
            headers: &["Location"],
        }],
        problems: &[
            Kind::QuotaExceeded,
            Kind::UploadBusy,
            Kind::Forbidden,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::UploadIncomplete,
            Kind::InsufficientStorage,
            Kind::FileStoreUnavailable,
        ],
        ..SIGNED
    },
    Call {
        path: paths::UPLOADS,
        summary: "List the caller's unfinished uploads",
        responses: &[json(200, "All of them, newest first.", of::<PendingUploads>)],
        ..SIGNED
    },
    Call {
        method: Delete,
        path: paths::UPLOADS_ONE,
        summary: "Abort an upload",
        responses: &[json(200, "The upload and its bytes are removed.", of::<Message>)],
        problems: &[
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::FileStoreUnavailable,
        ],
        ..SIGNED
    },
    Call {
        method: Options,
        path: paths::TUS,
        summary: "List the supported tus versions and extensions",
        security: SecurityRequirement::None,
        parameters: &[],
        responses: &[bare(
            204,
            "Versions and extensions.",
            &["Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size"],
        )],
        ..TUS
    },
    Call {
        method: Post,
        path: paths::TUS,
        summary: "Begin a resumable upload",
        parameters: &[
            RESUMABLE,
            header("Upload-Length", ValueType::UploadSize, "5", "Total size in bytes."),
            CallParameter {
                required: false,
                ..header(
                    "Upload-Metadata",
                    ValueType::Text,
                    "filename bm90ZS50eHQ=,filetype dGV4dC9wbGFpbg==",
                    "filename and filetype, in base64.",
                )
            },
            CallParameter {
                required: false,
                ..header(
                    "Idempotency-Key",
                    ValueType::Pattern(IDEMPOTENCY_KEY),
                    "",
                    "As for an upload in a form.",
                )
            },
        ],
        responses: &[bare(
            201,
            "The upload has started.",
            &["Location", "Upload-Expires"],
        )],
        problems: &[
            Kind::Forbidden,
            Kind::MalformedRequest,
            Kind::UnsupportedTusVersion,
            Kind::UploadTooLarge,
            Kind::QuotaExceeded,
            Kind::IdempotencyKeyInUse,
            Kind::IdempotencyKeyReused,
            Kind::InsufficientStorage,
            Kind::FileStoreUnavailable,
        ],
        ..TUS
    },
    Call {
        method: Head,
        path: paths::TUS_UPLOAD,
        summary: "Get the offset of a resumable upload",
        details: "Any replica answers, also after others have failed.",
        responses: &[bare(
            200,
            "The bytes received so far.",
            &[
                "Upload-Offset",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Expires",
                "X-File-Id",
            ],
        )],
        problems: &[
            Kind::UploadBusy,
            Kind::Forbidden,
            Kind::UnsupportedTusVersion,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::InsufficientStorage,
            Kind::FileStoreUnavailable,
        ],
        ..TUS
    },
    Call {
        method: Patch,
        path: paths::TUS_UPLOAD,
        summary: "Send more of a resumable upload",
        details: "Received bytes are kept, also when the connection breaks.",
        parameters: &[
            RESUMABLE,
            header(
                "Upload-Offset",
                ValueType::Number,
                "0",
                "Offset of the first byte: the current end of the upload.",
            ),
            CallParameter {
                required: false,
                ..header(
                    "Upload-Checksum",
                    ValueType::Pattern("^(sha256|sha1) [A-Za-z0-9+/]+=*$"),
                    "",
                    "sha256 or sha1 of these bytes, in base64.",
                )
            },
        ],
        request_body: Body::Bytes(TUS_MEDIA_TYPE),
        responses: &[bare(204, "The bytes are stored.", &["Upload-Offset", "X-File-Id"])],
        problems: &[
            Kind::UploadBusy,
            Kind::Forbidden,
            Kind::MalformedRequest,
            Kind::UnsupportedMediaType,
            Kind::UnsupportedTusVersion,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::UploadTooLarge,
            Kind::OffsetMismatch,
            Kind::ChecksumMismatch,
            Kind::IdempotencyKeyReused,
            Kind::InsufficientStorage,
            Kind::FileStoreUnavailable,
        ],
        ..TUS
    },
    Call {
        method: Options,
        path: paths::TUS_UPLOAD,
        summary: "List the supported tus versions and extensions for an upload",
        security: SecurityRequirement::None,
        parameters: &[],
        responses: &[bare(
            204,
            "Versions and extensions.",
            &["Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size"],
        )],
        ..TUS
    },
    Call {
        method: Delete,
        path: paths::TUS_UPLOAD,
        summary: "Abort a resumable upload, or forget a completed one",
        details: "The file of a completed upload stays.",
        responses: &[bare(204, "The upload and its bytes are removed.", &[])],
        problems: &[
            Kind::UnsupportedTusVersion,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::FileStoreUnavailable,
        ],
        ..TUS
    },
];
