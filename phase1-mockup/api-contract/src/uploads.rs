//! Uploads in several requests (Phase 2): to a presigned URL, or resumable in chunks.
//!
//! Resumable uploads follow tus 1.0 (<https://tus.io/protocols/resumable-upload>). They use no
//! JSON; their contract is the headers below.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The supported version of tus.
pub const TUS_VERSION: &str = "1.0.0";

/// The supported extensions of tus.
pub const TUS_EXTENSIONS: &str = "creation,checksum,expiration,termination";

/// The supported checksums of a chunk. SHA-256 is the stronger one; the protocol requires
/// SHA-1 of every server.
pub const TUS_CHECKSUMS: &str = "sha256,sha1";

/// The media type of a chunk.
pub const TUS_MEDIA_TYPE: &str = "application/offset+octet-stream";

/// Headers of tus, and one of this project.
pub mod headers {
    /// The version that the sender uses. On every request except `OPTIONS`, on every reply.
    pub const TUS_RESUMABLE: &str = "tus-resumable";
    /// The versions that the server supports.
    pub const TUS_VERSION: &str = "tus-version";
    /// The extensions that the server supports.
    pub const TUS_EXTENSION: &str = "tus-extension";
    /// The largest allowed upload in bytes.
    pub const TUS_MAX_SIZE: &str = "tus-max-size";
    /// The supported checksums.
    pub const TUS_CHECKSUM_ALGORITHM: &str = "tus-checksum-algorithm";
    /// The final size of the upload in bytes.
    pub const UPLOAD_LENGTH: &str = "upload-length";
    /// The number of bytes received so far.
    pub const UPLOAD_OFFSET: &str = "upload-offset";
    /// Keys and values in base64: `filename` and `filetype` are used.
    pub const UPLOAD_METADATA: &str = "upload-metadata";
    /// Of the extension concatenation, which the server does not support.
    pub const UPLOAD_CONCAT: &str = "upload-concat";
    /// Of the extension creation-defer-length, which the server does not support.
    pub const UPLOAD_DEFER_LENGTH: &str = "upload-defer-length";
    /// An algorithm and the digest of this chunk in base64.
    pub const UPLOAD_CHECKSUM: &str = "upload-checksum";
    /// When an incomplete upload is removed (a date as in RFC 9110 §5.6.7).
    pub const UPLOAD_EXPIRES: &str = "upload-expires";
    /// The id of the file made from the upload. Not part of tus, which ends with the bytes.
    pub const FILE_ID: &str = "x-file-id";
}

/// `POST /api/uploads/start`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"name": "note.txt", "content_type": "text/plain", "size": 5})))]
#[serde(deny_unknown_fields)]
pub struct UploadStart {
    /// The file name that the caller gave; for display only.
    pub name: String,
    /// The media type that the caller declares.
    pub content_type: String,
    /// The exact size in bytes; it counts for the quota from now on.
    pub size: u64,
}

/// `POST /api/uploads/start` → 201.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadStarted {
    /// The id to send to `POST /api/uploads/complete`.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub upload_id: String,
    /// Always `PUT`.
    pub method: String,
    /// The target of the `PUT`: the file store itself, or a path of this server. It allows its
    /// holder to write these bytes and nothing else.
    pub url: String,
    /// Headers that the `PUT` must carry.
    pub headers: BTreeMap<String, String>,
    /// Expiry of the URL in milliseconds since 1970.
    pub expires_at: u64,
}

/// `POST /api/uploads/complete` → 201 with [`FileCreated`](crate::files::FileCreated). A
/// repeated request gets the same reply.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadComplete {
    /// The id from the reply of `POST /api/uploads/start`.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub upload_id: String,
}

/// How the bytes of an upload are sent.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UploadKind {
    /// In one `PUT` to a presigned URL.
    Presigned,
    /// In chunks (tus 1.0).
    Tus,
}

/// One row of `GET /api/uploads`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PendingUpload {
    /// The id of the upload.
    #[cfg_attr(feature = "schema", schema(format = "uuid"))]
    pub upload_id: String,
    /// How its bytes are sent.
    pub kind: UploadKind,
    /// The file name that the caller gave.
    pub name: String,
    /// The media type that the caller declared.
    pub content_type: String,
    /// The final size in bytes.
    pub size: u64,
    /// Bytes received so far. For a presigned upload this is unknown until it is complete.
    pub received: u64,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Milliseconds since 1970. An upload that is not complete by then is removed.
    pub expires_at: u64,
}

/// `GET /api/uploads` → 200, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PendingUploads {
    /// All pending uploads of the caller.
    pub uploads: Vec<PendingUpload>,
}
