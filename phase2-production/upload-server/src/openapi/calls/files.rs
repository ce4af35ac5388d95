//! Calls for files.

use crate::openapi::call::{CALL, Call};
use crate::openapi::parts::{Body, CallParameter, CallResponse, json, of};
use crate::openapi::value_type::{IDEMPOTENCY_KEY, ValueType};
use api_contract::files::{FileCreated, FileList, FileWithContent};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Delete, Post};
use utoipa::openapi::path::ParameterIn;

const FILES: Call = Call { tag: "files", ..CALL };

const fn optional(
    name: &'static str,
    location: ParameterIn,
    value: ValueType,
    description: &'static str,
) -> CallParameter {
    CallParameter { name, location, required: false, description, value, example: "" }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::UPLOAD,
        summary: "Upload a file in a form",
        details: "After 201 the file is durable. With an Idempotency-Key, a repetition creates \
               no second file and gets the reply to the first upload.",
        parameters: &[optional(
            "Idempotency-Key",
            ParameterIn::Header,
            ValueType::Pattern(IDEMPOTENCY_KEY),
            "1 to 255 visible ASCII characters; kept for a day.",
        )],
        request_body: Body::Form,
        responses: &[CallResponse {
            status: 201,
            description: "The file.",
            body: Body::Json(of::<FileCreated>),
            headers: &["Location"],
        }],
        problems: &[
            Kind::MalformedRequest,
            Kind::MissingFilePart,
            Kind::Forbidden,
            Kind::TooManyRequests,
            Kind::TooManyParts,
            Kind::IdempotencyKeyInUse,
            Kind::IdempotencyKeyReused,
            Kind::UploadTooLarge,
            Kind::UnsupportedMediaType,
            Kind::InsufficientStorage,
            Kind::QuotaExceeded,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
    Call {
        path: paths::FILES,
        summary: "List the caller's files, newest first",
        parameters: &[
            optional(
                "limit",
                ParameterIn::Query,
                ValueType::PageSize,
                "1 to 200; 50 when absent.",
            ),
            optional(
                "cursor",
                ParameterIn::Query,
                ValueType::Uuid,
                "next_cursor of the previous page.",
            ),
        ],
        responses: &[json(200, "One page.", of::<FileList>)],
        problems: &[Kind::MalformedRequest],
        ..FILES
    },
    Call {
        path: paths::FILE,
        summary: "Read a file of up to 1 MiB as JSON",
        responses: &[json(200, "The file with its bytes.", of::<FileWithContent>)],
        problems: &[
            Kind::FileNotFound,
            Kind::ContentTooLargeForJson,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
    Call {
        method: Delete,
        path: paths::FILE,
        summary: "Delete a file",
        parameters: &[optional(
            "If-Match",
            ParameterIn::Header,
            ValueType::Text,
            "ETags; the file is deleted only if its ETag is among them.",
        )],
        responses: &[json(200, "The file is deleted permanently.", of::<Message>)],
        problems: &[
            Kind::FileNotFound,
            Kind::PreconditionFailed,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
    Call {
        path: paths::FILE_CONTENT,
        summary: "Download the bytes",
        parameters: &[
            optional(
                "Range",
                ParameterIn::Header,
                ValueType::Text,
                "One range of bytes.",
            ),
            optional(
                "If-Range",
                ParameterIn::Header,
                ValueType::Text,
                "ETag of the file that the range is of.",
            ),
            optional(
                "If-None-Match",
                ParameterIn::Header,
                ValueType::Text,
                "ETags that the client has cached.",
            ),
            optional(
                "If-Match",
                ParameterIn::Header,
                ValueType::Text,
                "ETags; the file is sent only if its ETag is among them.",
            ),
        ],
        responses: &[
            CallResponse {
                status: 200,
                description: "All bytes, as a download.",
                body: Body::Bytes("application/octet-stream"),
                headers: &["ETag", "Content-Disposition", "Accept-Ranges"],
            },
            CallResponse {
                status: 206,
                description: "The range.",
                body: Body::Bytes("application/octet-stream"),
                headers: &["ETag", "Content-Range"],
            },
            CallResponse {
                status: 304,
                description: "The cached file is current.",
                body: Body::Nothing,
                headers: &["ETag"],
            },
        ],
        problems: &[
            Kind::FileNotFound,
            Kind::PreconditionFailed,
            Kind::RangeNotSatisfiable,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
];
