//! One operation: who asked for what, when, and how it ended.

use serde::{Deserialize, Serialize};

/// What was asked for. Proofs are named, never written down: `u3-2` is the second proof
/// that user 3 was given.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// A password for a proof.
    LogIn,
    /// A refresh token for the next proof.
    Refresh {
        /// The proof that the refresh token came with.
        proof: String,
    },
    /// What the server remembers of a session.
    Look {
        /// Whose session.
        proof: String,
    },
    /// A file in one request.
    Upload {
        /// Who says so.
        proof: String,
        /// No two files have the same name.
        name: String,
        /// Of the bytes that are sent.
        sha256: String,
        /// The idempotency key, if it has one.
        key: Option<String>,
    },
    /// A file that will come in pieces.
    BeginPieces {
        /// Who says so.
        proof: String,
        /// No two files have the same name.
        name: String,
        /// Of the bytes that will be sent.
        sha256: String,
    },
    /// One piece of a file.
    SendPiece {
        /// Who says so.
        proof: String,
        /// The file's name.
        name: String,
        /// Where the piece begins.
        from: u64,
        /// Where it ends.
        to: u64,
    },
    /// How much of a file is there, and what has become of it.
    AskOffset {
        /// Who asks.
        proof: String,
        /// The file's name.
        name: String,
    },
    /// All files of the caller.
    List {
        /// Who asks.
        proof: String,
    },
    /// The bytes of a file.
    Download {
        /// Who asks.
        proof: String,
        /// The server's name for the file.
        file: String,
    },
    /// A file is to go.
    Delete {
        /// Who says so.
        proof: String,
        /// The server's name for the file.
        file: String,
    },
    /// The proof is to die: a logout, or a revocation.
    End {
        /// Which one.
        proof: String,
    },
}

impl Act {
    /// The proof that came with it.
    #[must_use]
    pub fn proof(&self) -> Option<&str> {
        match self {
            Self::LogIn => None,
            Self::Refresh { proof }
            | Self::Look { proof }
            | Self::Upload { proof, .. }
            | Self::BeginPieces { proof, .. }
            | Self::SendPiece { proof, .. }
            | Self::AskOffset { proof, .. }
            | Self::List { proof }
            | Self::Download { proof, .. }
            | Self::Delete { proof, .. }
            | Self::End { proof } => Some(proof),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It was acknowledged.
    Ok,
    /// It surely did not happen.
    Fail,
    /// It may have happened.
    Unknown,
}

/// What kind of answer came.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// What was asked for.
    Done,
    /// A problem, in the contract's shape.
    Problem,
    /// Something that the contract does not know.
    Foreign,
    /// The head of an answer and not all of its body.
    CutShort,
    /// Nothing: no connection, a connection that broke off, or the client's patience
    /// ended.
    NotAtAll,
    /// The client hung up before there could be one: that says nothing of the server.
    GaveUp,
}

/// What the answer said.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "says", rename_all = "kebab-case")]
pub enum Said {
    /// Nothing that matters later.
    #[default]
    Nothing,
    /// A proof, under the name that it has here.
    Proof {
        /// Its name.
        proof: String,
    },
    /// Who the caller is.
    Caller {
        /// The account's name.
        username: String,
    },
    /// A file is stored.
    Stored {
        /// The server's name for it.
        file: String,
        /// The server's hash; [`None`] where the protocol names none.
        sha256: Option<String>,
    },
    /// So many bytes are there.
    Offset {
        /// Bytes.
        bytes: u64,
    },
    /// These files are there.
    Files {
        /// All pages.
        files: Vec<Listed>,
    },
    /// These bytes came.
    Bytes {
        /// Made here, from the bytes.
        sha256: String,
        /// The account whose tag they begin with.
        owner: Option<String>,
    },
}

/// One row of a listing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The server's name for the file.
    pub file: String,
    /// The caller's name for it.
    pub name: String,
    /// The server's hash.
    pub sha256: String,
}

/// One operation, from asking to ending.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// In the order in which the operations began, from 0.
    pub number: u64,
    /// Who.
    pub user: usize,
    /// Milliseconds since the history began.
    pub began_ms: u64,
    /// Milliseconds since the history began.
    pub ended_ms: u64,
    /// What was asked for.
    #[serde(flatten)]
    pub act: Act,
    /// How it ended.
    pub ended: Ended,
    /// What kind of answer came.
    pub answered: Answered,
    /// What the answer said.
    pub said: Said,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The slug of the problem, or what the transport said.
    pub why: Option<String>,
    /// The replica that answered.
    pub served_by: Option<String>,
    /// The request's id, to be found in every log that it passed.
    pub request_id: Option<String>,
    /// Whether it belongs to the reading back after healing.
    pub read_back: bool,
}

impl Entry {
    /// Whether the answer was about the file: it is not there.
    #[must_use]
    pub fn says_no_such_file(&self) -> bool {
        self.status == Some(404) && self.why.as_deref() == Some("file-not-found")
    }

    /// Whether somebody was served: also with a refusal that is about the request.
    #[must_use]
    pub fn served(&self) -> bool {
        matches!(self.answered, Answered::Done | Answered::Problem)
            && self.status.is_some_and(|status| status < 500)
    }

    /// Whether the proof was refused.
    #[must_use]
    pub fn proof_refused(&self) -> bool {
        self.status == Some(401) && self.answered == Answered::Problem
    }
}
