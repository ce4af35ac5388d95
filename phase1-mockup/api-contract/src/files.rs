//! Files: the same calls on every server, with any kind of credential.

use serde::{Deserialize, Serialize};

/// The largest file that `GET /api/files/{file_id}` returns inside JSON, in bytes.
pub const MAX_JSON_CONTENT: u64 = 1024 * 1024;

/// The page size of `GET /api/files` without `limit`.
pub const DEFAULT_PAGE_SIZE: usize = 50;

/// The largest page of `GET /api/files`.
pub const MAX_PAGE_SIZE: usize = 200;

/// `POST /api/upload` → 201. The bytes are on disk before this reply is sent.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileCreated {
    /// The id that the server gave the file.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub file_id: String,
    /// Path of the file's description.
    pub url: String,
    /// The file name that the caller gave; for display only.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The replica that stored it.
    pub served_by: String,
}

/// One row of a listing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The id that the server gave the file.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub file_id: String,
    /// The file name that the caller gave; for display only.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The media type that the caller declared; never trusted when the bytes are served.
    pub content_type: String,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Milliseconds since 1970.
    pub uploaded_at: u64,
}

/// `GET /api/files` → 200, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileList {
    /// At most `limit` files.
    pub files: Vec<FileEntry>,
    /// Pass it as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// `GET /api/files?limit&cursor`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct ListQuery {
    /// 1 to [`MAX_PAGE_SIZE`]; [`DEFAULT_PAGE_SIZE`] when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// `next_cursor` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /api/files/{file_id}` → 200 for files up to [`MAX_JSON_CONTENT`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FileWithContent {
    /// The id that the server gave the file.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub file_id: String,
    /// The file name that the caller gave; for display only.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// The media type that the caller declared.
    pub content_type: String,
    /// SHA-256 of the bytes, lower-case hexadecimal.
    #[cfg_attr(feature = "schema", schema(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// The bytes, base64 with padding (RFC 4648 §4).
    #[cfg_attr(feature = "schema", schema(format = "byte"))]
    pub content: String,
}
