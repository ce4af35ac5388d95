//! Calls about files.

use crate::openapi::call::{CALL, Call};
use crate::openapi::sent::{Asked, Body, Given, json, of};
use api_contract::files::{FileCreated, FileList, FileWithContent};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, paths};
use utoipa::openapi::HttpMethod::{Delete, Post};
use utoipa::openapi::path::ParameterIn;

const FILES: Call = Call { tag: "files", ..CALL };

const fn optional(name: &'static str, place: ParameterIn, what: &'static str) -> Asked {
    Asked { name, place, required: false, what }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        method: Post,
        path: paths::UPLOAD,
        summary: "Upload a file in a form",
        more: "When this answers with 201, the file is on disk. With an Idempotency-Key, a \
               repetition makes no second file and gets the first one's reply.",
        asks: &[optional(
            "Idempotency-Key",
            ParameterIn::Header,
            "1 to 255 visible ASCII characters; remembered for a day.",
        )],
        takes: Body::Form,
        gives: &[Given {
            status: 201,
            what: "The file.",
            body: Body::Json(of::<FileCreated>),
            headers: &["Location"],
        }],
        refuses: &[
            Kind::MalformedRequest,
            Kind::MissingFilePart,
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
        summary: "List one's files, newest first",
        asks: &[
            optional("limit", ParameterIn::Query, "1 to 200; 50 when absent."),
            optional("cursor", ParameterIn::Query, "next_cursor of the page before."),
        ],
        gives: &[json(200, "One page.", of::<FileList>)],
        refuses: &[Kind::MalformedRequest],
        ..FILES
    },
    Call {
        path: paths::FILE,
        summary: "Read a file of up to 1 MiB inside JSON",
        gives: &[json(200, "The file with its bytes.", of::<FileWithContent>)],
        refuses: &[
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
        asks: &[optional(
            "If-Match",
            ParameterIn::Header,
            "ETags; the file is deleted only if its own is one of them.",
        )],
        gives: &[json(200, "It is gone for ever.", of::<Message>)],
        refuses: &[
            Kind::FileNotFound,
            Kind::PreconditionFailed,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
    Call {
        path: paths::FILE_CONTENT,
        summary: "Download the bytes",
        asks: &[
            optional("Range", ParameterIn::Header, "One range of bytes."),
            optional("If-Range", ParameterIn::Header, "The ETag that the range is of."),
            optional("If-None-Match", ParameterIn::Header, "ETags that are known."),
        ],
        gives: &[
            Given {
                status: 200,
                what: "All bytes, as a download.",
                body: Body::Bytes("application/octet-stream"),
                headers: &["ETag", "Content-Disposition", "Accept-Ranges"],
            },
            Given {
                status: 206,
                what: "The range.",
                body: Body::Bytes("application/octet-stream"),
                headers: &["ETag", "Content-Range"],
            },
            Given {
                status: 304,
                what: "What is known is still so.",
                body: Body::Nothing,
                headers: &["ETag"],
            },
        ],
        refuses: &[
            Kind::FileNotFound,
            Kind::RangeNotSatisfiable,
            Kind::FileStoreUnavailable,
        ],
        ..FILES
    },
];
