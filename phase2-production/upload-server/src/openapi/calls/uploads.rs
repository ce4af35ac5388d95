//! Calls for uploads in steps: to a signed URL, or piece by piece (tus 1.0).

use crate::openapi::call::{CALL, Call, Proof};
use crate::openapi::sent::{Asked, Body, Given, json, of};
use api_contract::files::FileCreated;
use api_contract::problem::ProblemKind as Kind;
use api_contract::uploads::{
    PendingUploads, TUS_MEDIA_TYPE, UploadComplete, UploadStart, UploadStarted,
};
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Delete, Head, Options, Patch, Post, Put};
use utoipa::openapi::path::ParameterIn;

const SIGNED: Call = Call { tag: "uploads", ..CALL };

const TUS: Call = Call { tag: "tus", asks: &[RESUMABLE], ..CALL };

const RESUMABLE: Asked = header("Tus-Resumable", "The version that is spoken: 1.0.0.");

const fn header(name: &'static str, what: &'static str) -> Asked {
    Asked { name, place: ParameterIn::Header, required: true, what }
}

const fn query(name: &'static str, what: &'static str) -> Asked {
    Asked { name, place: ParameterIn::Query, required: true, what }
}

const fn bare(
    status: u16,
    what: &'static str,
    headers: &'static [&'static str],
) -> Given {
    Given { status, what, body: Body::Nothing, headers }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::UPLOADS_START,
        summary: "Begin an upload and get a signed URL for its bytes",
        more: "All of its bytes count for the quota from now on.",
        takes: Body::Json(of::<UploadStart>),
        gives: &[json(201, "Where to PUT the bytes.", of::<UploadStarted>)],
        refuses: &[
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
        more: "With a bucket, the URL is the bucket's own and this call is not used.",
        proof: Proof::Signature,
        asks: &[
            query("organisation", "Part of the signed URL."),
            query("expires", "Part of the signed URL."),
            query("signature", "Part of the signed URL."),
        ],
        takes: Body::Bytes("application/octet-stream"),
        gives: &[json(200, "The bytes are here.", of::<Message>)],
        refuses: &[
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
        more: "Repeated, it answers the same again.",
        takes: Body::Json(of::<UploadComplete>),
        gives: &[Given {
            status: 201,
            what: "The file.",
            body: Body::Json(of::<FileCreated>),
            headers: &["Location"],
        }],
        refuses: &[
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
        summary: "List one's uploads that are under way",
        gives: &[json(200, "All of them, newest first.", of::<PendingUploads>)],
        ..SIGNED
    },
    Call {
        method: Delete,
        path: paths::UPLOADS_ONE,
        summary: "Give an upload up",
        gives: &[json(200, "What had come is removed.", of::<Message>)],
        refuses: &[Kind::UploadNotFound, Kind::UploadExpired, Kind::FileStoreUnavailable],
        ..SIGNED
    },
    Call {
        method: Options,
        path: paths::TUS,
        summary: "Ask what of tus this server speaks",
        proof: Proof::None,
        asks: &[],
        gives: &[bare(
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
        asks: &[
            RESUMABLE,
            header("Upload-Length", "Bytes in the end."),
            Asked {
                required: false,
                ..header("Upload-Metadata", "filename and filetype, in base64.")
            },
            Asked {
                required: false,
                ..header("Idempotency-Key", "As for an upload in a form.")
            },
        ],
        gives: &[bare(201, "It is begun.", &["Location", "Upload-Expires"])],
        refuses: &[
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
        summary: "Ask how far a resumable upload came",
        more: "On whichever replica, after whatever happened to the others.",
        gives: &[bare(
            200,
            "So far.",
            &["Upload-Offset", "Upload-Length", "Upload-Expires", "X-File-Id"],
        )],
        refuses: &[
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
        more: "What has arrived is kept, also when the connection breaks.",
        asks: &[
            RESUMABLE,
            header("Upload-Offset", "Where these bytes begin: where the others ended."),
            Asked {
                required: false,
                ..header("Upload-Checksum", "sha256 or sha1 of these bytes, in base64.")
            },
        ],
        takes: Body::Bytes(TUS_MEDIA_TYPE),
        gives: &[bare(204, "They are kept.", &["Upload-Offset", "X-File-Id"])],
        refuses: &[
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
        method: Delete,
        path: paths::TUS_UPLOAD,
        summary: "Give a resumable upload up",
        gives: &[bare(204, "What had come is removed.", &[])],
        refuses: &[
            Kind::UnsupportedTusVersion,
            Kind::UploadNotFound,
            Kind::UploadExpired,
            Kind::FileStoreUnavailable,
        ],
        ..TUS
    },
];
