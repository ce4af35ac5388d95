//! Sessions: one shape, three places to keep them.
//!
//! `memory` is Phase 1's map. `replicated` is that map on every replica, because they tell
//! each other. `central` is Redis, which all replicas ask, with the records as the truth.
//! Birth, growth and death are the same in each; what differs is who else knows.

pub mod central;
pub mod id;
pub mod memory;
pub mod replicated;

pub use id::SessionId;

use crate::audit::AuditContext;
use api_contract::sessions::SessionView;
use records::Member;
use std::time::Duration;
use upload_domain::username::Username;

/// How long sessions live, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Silence after which a session dies; every use starts it anew.
    pub idle: Duration,
    /// Age at which a session dies, used or not.
    pub absolute: Duration,
    /// Sessions in this process beyond which no new one is born (memory, replicated).
    pub max_live: usize,
    /// Sessions that one person may have; a new one ends the oldest (ASVS 7.1.2).
    pub max_per_user: u32,
}

/// Why a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Never born, ended, or known only elsewhere.
    #[error("no such session")]
    Unknown,
    /// Dead of silence or old age.
    #[error("the session has expired")]
    Expired,
    /// There are as many sessions as there may be.
    #[error("too many sessions")]
    TooMany,
    /// Neither the cache nor the truth answers: it may live, so this is no "no".
    #[error("the session store does not answer")]
    CannotKnow,
}

/// What is remembered of one caller, for the caller to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Birth, milliseconds since 1970.
    pub created_at: u64,
    /// The latest use, milliseconds since 1970.
    pub last_activity: u64,
    /// Until it dies if nobody uses it.
    pub time_left: Duration,
    /// Names of the files uploaded in it, oldest first.
    pub files: Vec<String>,
}

/// Where the sessions of this replica are kept.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a process has one kind; a box would only add an allocation to each clone"
)]
pub enum Sessions {
    /// In this process alone.
    Memory(memory::Memory),
    /// In this process, and told to all others.
    Replicated(replicated::Replicated),
    /// In Redis, and in the records.
    Central(central::Central),
}

impl Sessions {
    /// Birth: remembers the caller and returns what they must send from now on.
    ///
    /// # Errors
    /// When there are too many, or nobody can be asked.
    pub async fn start(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<SessionId, SessionError> {
        match self {
            Self::Memory(store) => store.start(member),
            Self::Replicated(store) => store.start(member).await,
            Self::Central(store) => store.start(member, epoch, audit).await,
        }
    }

    /// Who is calling. Each use starts the idle time anew, reads included.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        match self {
            Self::Memory(store) => store.touch(id),
            Self::Replicated(store) => store.touch(id).await,
            Self::Central(store) => store.touch(id).await,
        }
    }

    /// Whether it still lives, without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        match self {
            Self::Memory(store) => store.peek(id),
            Self::Replicated(store) => store.peek(id).await,
            Self::Central(store) => store.peek(id).await,
        }
    }

    /// What is remembered.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn view(
        &self,
        id: &SessionId,
        member: &Member,
        served_by: &str,
    ) -> Result<SessionView, SessionError> {
        let remembered = match self {
            Self::Memory(store) => store.view(id),
            Self::Replicated(store) => store.view(id).await,
            Self::Central(store) => store.view(id).await,
        }?;
        Ok(SessionView {
            username: member.username.to_string(),
            created_at: remembered.created_at,
            last_activity: remembered.last_activity,
            expires_in: remembered.time_left.as_secs(),
            files_uploaded: remembered.files,
            served_by: served_by.to_owned(),
        })
    }

    /// Growth, after a file was stored. A session that ended meanwhile stays ended: an
    /// update never creates.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        match self {
            Self::Memory(store) => store.add_file(id, name),
            Self::Replicated(store) => store.add_file(id, name).await,
            Self::Central(store) => {
                // The transaction that stored the file has added it.
                store.show_files_anew(id).await;
                Ok(())
            }
        }
    }

    /// Whether the records are where they live: then what happens to one there is one
    /// transaction with its cause.
    #[must_use]
    pub const fn are_in_records(&self) -> bool {
        matches!(self, Self::Central(_))
    }

    /// Death by logout. When this returns, the id is dead: here (memory), soon everywhere
    /// (replicated), everywhere (central).
    ///
    /// # Errors
    /// When no live session has this id, or its death cannot be written down.
    pub async fn end(
        &self,
        id: &SessionId,
        audit: &AuditContext,
    ) -> Result<(), SessionError> {
        match self {
            Self::Memory(store) => store.end(id),
            Self::Replicated(store) => store.end(id).await,
            Self::Central(store) => store.end(id, audit).await,
        }
    }

    /// Death of all of one person's, after the records have said so: `proofs` are those
    /// that the records revoked.
    pub async fn end_all_of(&self, username: &Username, proofs: Vec<String>) {
        match self {
            Self::Memory(store) => store.end_all_of(username),
            Self::Replicated(store) => store.end_all_of(username).await,
            Self::Central(store) => store.forget(proofs).await,
        }
    }

    /// Death of all whose time ran out and who never came back to notice it.
    pub async fn sweep(&self) {
        match self {
            Self::Memory(store) => store.sweep(),
            Self::Replicated(store) => store.sweep().await,
            Self::Central(store) => store.sweep().await,
        }
    }

    /// What becomes of the sessions when this process ends in order.
    pub async fn end_of_process(&self) {
        match self {
            Self::Memory(store) => store.end_of_process(),
            Self::Replicated(store) => store.leave().await,
            Self::Central(_) => {}
        }
    }
}
