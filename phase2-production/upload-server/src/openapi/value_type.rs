//! The values that a parameter or a header may have.

use api_contract::files::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};
use api_contract::uploads::TUS_VERSION;
use serde_json::{Value, json};
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};

/// A user name, as a regular expression.
const USERNAME: &str = "^[a-z0-9_-][a-z0-9._-]{0,31}$";

/// An idempotency key, as a regular expression.
pub(super) const IDEMPOTENCY_KEY: &str = "^[!-~]{1,255}$";

/// A SHA-256 or an HMAC with it, as a regular expression.
pub(super) const SHA256: &str = "^[0-9a-f]{64}$";

/// The type of a value.
#[derive(Clone, Copy)]
pub(super) enum ValueType {
    /// Any text.
    Text,
    /// Text of this regular expression.
    Pattern(&'static str),
    /// A whole number of bytes, a time, or a number of seconds: 0 or more.
    Number,
    /// Bytes of one upload: 0 to the largest upload of this server.
    UploadSize,
    /// The number of rows of a page.
    PageSize,
    /// The id of a file or an upload.
    Uuid,
    /// The name of an account.
    Username,
    /// The version of tus.
    TusVersion,
}

impl ValueType {
    /// The type of a parameter in a path.
    pub(super) fn of_path_parameter(name: &str) -> Self {
        if name == "username" { Self::Username } else { Self::Uuid }
    }

    /// The type of a header in a reply.
    pub(super) fn of_header(name: &str) -> Self {
        match name {
            "Retry-After" | "Tus-Max-Size" | "Upload-Length" | "Upload-Offset" => {
                Self::Number
            }
            "Tus-Resumable" | "Tus-Version" => Self::TusVersion,
            "X-File-Id" => Self::Uuid,
            _ => Self::Text,
        }
    }

    /// An example as JSON: a number for a numeric type.
    pub(super) fn example(self, text: &str) -> Option<Value> {
        match self {
            _ if text.is_empty() => None,
            Self::Number | Self::UploadSize | Self::PageSize => {
                text.parse::<u64>().ok().map(Value::from)
            }
            _ => Some(Value::from(text)),
        }
    }

    /// The schema; `max_upload` is the largest upload of this server in bytes.
    pub(super) fn schema(self, max_upload: u64) -> Object {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let int64 = SchemaFormat::KnownFormat(KnownFormat::Int64);
        let builder = match self {
            Self::Text => text,
            Self::Pattern(pattern) => text.pattern(Some(pattern)),
            Self::Number => number.format(Some(int64)),
            Self::UploadSize => {
                let max_upload = usize::try_from(max_upload).unwrap_or(usize::MAX);
                number.format(Some(int64)).maximum(Some(max_upload))
            }
            Self::PageSize => number
                .minimum(Some(1))
                .maximum(Some(MAX_PAGE_SIZE))
                .default(Some(json!(DEFAULT_PAGE_SIZE))),
            Self::Uuid => text.format(Some(SchemaFormat::Custom("uuid".to_owned()))),
            Self::Username => text.pattern(Some(USERNAME)),
            Self::TusVersion => text.enum_values(Some([TUS_VERSION])),
        };
        builder.build()
    }
}
