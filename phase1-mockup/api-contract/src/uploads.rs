//! Uploads in steps (Phase 2): to a URL that is signed beforehand, or piece by piece.
//!
//! Piece by piece is tus 1.0 (<https://tus.io/protocols/resumable-upload>); it has no JSON,
//! so what two programs must agree on there are the headers below.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one version of tus that is spoken.
pub const TUS_VERSION: &str = "1.0.0";

/// What of tus is spoken beyond its core.
pub const TUS_EXTENSIONS: &str = "creation,checksum,expiration,termination";

/// How a piece may be checked; the first is the better one, the second is what the
/// protocol asks every server for.
pub const TUS_CHECKSUMS: &str = "sha256,sha1";

/// The media type of a piece.
pub const TUS_MEDIA_TYPE: &str = "application/offset+octet-stream";

/// Headers of tus, and one of ours.
pub mod headers {
    /// The version that the sender speaks. On every request but `OPTIONS`, on every reply.
    pub const TUS_RESUMABLE: &str = "tus-resumable";
    /// The versions that the server speaks.
    pub const TUS_VERSION: &str = "tus-version";
    /// What the server speaks beyond the core.
    pub const TUS_EXTENSION: &str = "tus-extension";
    /// Bytes that an upload may have.
    pub const TUS_MAX_SIZE: &str = "tus-max-size";
    /// How a piece may be checked.
    pub const TUS_CHECKSUM_ALGORITHM: &str = "tus-checksum-algorithm";
    /// Bytes that the upload will have.
    pub const UPLOAD_LENGTH: &str = "upload-length";
    /// Bytes that are there.
    pub const UPLOAD_OFFSET: &str = "upload-offset";
    /// Keys and values in base64: `filename` and `filetype` are used.
    pub const UPLOAD_METADATA: &str = "upload-metadata";
    /// An algorithm and the digest of this piece in base64.
    pub const UPLOAD_CHECKSUM: &str = "upload-checksum";
    /// When an unfinished upload is thrown away (RFC 9110 §5.6.7).
    pub const UPLOAD_EXPIRES: &str = "upload-expires";
    /// The file that the upload has become. Not part of tus, which ends with the bytes.
    pub const FILE_ID: &str = "x-file-id";
}

/// `POST /api/uploads/start`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadStart {
    /// The caller's name for the file; for display only.
    pub name: String,
    /// The type the caller declares.
    pub content_type: String,
    /// Bytes. Exactly so many have to come; they count for the quota from now on.
    pub size: u64,
}

/// `POST /api/uploads/start` → 201.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadStarted {
    /// What `POST /api/uploads/complete` is told.
    pub upload_id: String,
    /// Always `PUT`.
    pub method: String,
    /// Where the bytes go: the file store itself, or a path of this server. Whoever has it
    /// may write these bytes, and nothing else.
    pub url: String,
    /// Headers that the `PUT` must carry.
    pub headers: BTreeMap<String, String>,
    /// Milliseconds since 1970. The URL is worth nothing after that.
    pub expires_at: u64,
}

/// `POST /api/uploads/complete` → 201 with [`FileCreated`](crate::files::FileCreated), and
/// again so when it is repeated.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UploadComplete {
    /// What `POST /api/uploads/start` has answered with.
    pub upload_id: String,
}

/// How the bytes of an upload come.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum UploadKind {
    /// In one `PUT` to a signed URL.
    Presigned,
    /// Piece by piece (tus 1.0).
    Tus,
}

/// One row of `GET /api/uploads`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PendingUpload {
    /// What the upload is called.
    pub upload_id: String,
    /// How its bytes come.
    pub kind: UploadKind,
    /// The caller's name for the file.
    pub name: String,
    /// The type the caller declared.
    pub content_type: String,
    /// Bytes in the end.
    pub size: u64,
    /// Bytes that are there; of a presigned upload nothing is known before it is complete.
    pub received: u64,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// Milliseconds since 1970. What is not complete by then is thrown away.
    pub expires_at: u64,
}

/// `GET /api/uploads` → 200, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PendingUploads {
    /// All of the caller's that are under way.
    pub uploads: Vec<PendingUpload>,
}
