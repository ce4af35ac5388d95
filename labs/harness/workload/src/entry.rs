//! One operation of the history: its user, its times and its outcome.

use serde::{Deserialize, Serialize};

/// The invocation of an operation. Credentials are recorded by name only: `u3-2` is the second
/// credential of user 3.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum Operation {
    /// A login with a password.
    LogIn,
    /// A token refresh.
    Refresh {
        /// The credential of the refresh token.
        credential: String,
    },
    /// A read of the session state.
    ViewSession {
        /// The session.
        credential: String,
    },
    /// An upload in one request.
    Upload {
        /// The credential of the request.
        credential: String,
        /// The file name, unique in the run.
        name: String,
        /// The hash of the sent bytes.
        sha256: String,
        /// The idempotency key, if there is one.
        key: Option<String>,
    },
    /// The creation of an upload in chunks.
    CreateUpload {
        /// The credential of the request.
        credential: String,
        /// The file name, unique in the run.
        name: String,
        /// The hash of all bytes of the upload.
        sha256: String,
    },
    /// One chunk of an upload.
    SendChunk {
        /// The credential of the request.
        credential: String,
        /// The file name.
        name: String,
        /// The offset of the chunk.
        from: u64,
        /// The end of the chunk.
        to: u64,
    },
    /// A read of the upload offset.
    ReadOffset {
        /// The credential of the request.
        credential: String,
        /// The file name.
        name: String,
    },
    /// A read of the newest files of the user, which is one page.
    ListNewest {
        /// The credential of the request.
        credential: String,
    },
    /// A listing of all files of the user.
    List {
        /// The credential of the request.
        credential: String,
    },
    /// A download of a file.
    Download {
        /// The credential of the request.
        credential: String,
        /// The id of the file.
        file_id: String,
    },
    /// The deletion of a file.
    Delete {
        /// The credential of the request.
        credential: String,
        /// The id of the file.
        file_id: String,
    },
    /// A logout, or the revocation of a token.
    LogOut {
        /// The ended credential.
        credential: String,
    },
}

impl Operation {
    /// The name of the credential of the request.
    #[must_use]
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::LogIn => None,
            Self::Refresh { credential }
            | Self::ViewSession { credential }
            | Self::Upload { credential, .. }
            | Self::CreateUpload { credential, .. }
            | Self::SendChunk { credential, .. }
            | Self::ReadOffset { credential, .. }
            | Self::ListNewest { credential }
            | Self::List { credential }
            | Self::Download { credential, .. }
            | Self::Delete { credential, .. }
            | Self::LogOut { credential } => Some(credential),
        }
    }
}

/// The outcome of an operation, as in Jepsen.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationOutcome {
    /// It was acknowledged.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// It may have happened (`info` in Jepsen and in JSON).
    Info,
}

/// The kind of reply.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyKind {
    /// A successful reply.
    Success,
    /// A problem as the contract requires (RFC 9457).
    Problem,
    /// A reply that violates the contract.
    ContractViolation,
    /// A reply with a truncated body.
    Truncated,
    /// No reply: no connection, a broken connection, or a timeout of the client.
    #[serde(rename = "none")]
    NoReply,
    /// The client cancelled the request, so the missing reply is not an error of the server.
    Cancelled,
}

impl ReplyKind {
    /// Whether it is a problem as the contract requires.
    #[must_use]
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Problem)
    }
}

/// The value of the reply.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ReplyValue {
    /// No value that the checker needs.
    #[default]
    Nothing,
    /// A new credential.
    Credential {
        /// Its name in the history.
        credential: String,
    },
    /// The account of the caller.
    Caller {
        /// The account name.
        username: String,
    },
    /// A stored file.
    Stored {
        /// The id of the file.
        file_id: String,
        /// The hash from the reply; [`None`] if the protocol has none.
        sha256: Option<String>,
    },
    /// The upload offset.
    Offset {
        /// The number of stored bytes.
        bytes: u64,
    },
    /// A complete listing.
    Files {
        /// The files of all pages.
        files: Vec<ListedFile>,
    },
    /// The bytes of a file.
    Bytes {
        /// The hash that the client computed.
        sha256: String,
        /// The account in the tag at the start of the bytes.
        owner: Option<String>,
    },
}

/// One row of a listing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ListedFile {
    /// The id of the file.
    pub file_id: String,
    /// The file name.
    pub name: String,
    /// The hash from the reply.
    pub sha256: String,
}

/// One operation with its invocation and its completion.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The index of the operation, in the order of the invocations, from 0.
    pub index: u64,
    /// The number of the user.
    pub user: usize,
    /// The intended time of the invocation, in microseconds since the start of the history, if
    /// it does not depend on earlier replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended_us: Option<u64>,
    /// The time of the invocation, in microseconds since the start of the history. A history
    /// file has milliseconds.
    #[serde(rename = "invoked_ms", with = "milliseconds")]
    pub invoked_us: u64,
    /// The time of the completion, in microseconds since the start of the history.
    #[serde(rename = "completed_ms", with = "milliseconds")]
    pub completed_us: u64,
    /// The invocation.
    #[serde(flatten)]
    pub operation: Operation,
    /// The outcome.
    pub outcome: OperationOutcome,
    /// The kind of reply.
    #[serde(rename = "reply")]
    pub reply_kind: ReplyKind,
    /// The value of the reply.
    pub value: ReplyValue,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The slug of the problem, or the transport error.
    pub error: Option<String>,
    /// The replica that answered.
    pub served_by: Option<String>,
    /// The request id, which is in all logs.
    pub request_id: Option<String>,
    /// Whether it is a verification read after the repair.
    pub verification_read: bool,
}

/// Microseconds in memory, milliseconds in a file.
mod milliseconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(us: &u64, to: S) -> Result<S::Ok, S::Error> {
        (us / 1_000).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(of: D) -> Result<u64, D::Error> {
        Ok(u64::deserialize(of)?.saturating_mul(1_000))
    }
}

impl Entry {
    /// The time of the invocation, in milliseconds since the start of the history.
    #[must_use]
    pub const fn invoked_ms(&self) -> u64 {
        self.invoked_us / 1_000
    }

    /// The time of the completion, in milliseconds since the start of the history.
    #[must_use]
    pub const fn completed_ms(&self) -> u64 {
        self.completed_us / 1_000
    }

    /// Whether the reply is 404 for the file.
    #[must_use]
    pub fn is_file_not_found(&self) -> bool {
        self.status == Some(404) && self.error.as_deref() == Some("file-not-found")
    }

    /// Whether the request was served. A client error counts as served.
    #[must_use]
    pub fn was_served(&self) -> bool {
        matches!(self.reply_kind, ReplyKind::Success | ReplyKind::Problem)
            && self.status.is_some_and(|status| status < 500)
    }

    /// Whether the credential was refused.
    #[must_use]
    pub fn credential_refused(&self) -> bool {
        self.status == Some(401) && self.reply_kind == ReplyKind::Problem
    }
}
