//! Sessions: one interface, three places to store them.
//!
//! `memory` is Phase 1's map. `replicated` is that map on every replica, kept equal by
//! gossip. `central` is Redis as a cache of the database. Birth, growth and death are the
//! same in each; the difference is which replicas can see the session.

pub mod central;
pub mod id;
pub mod memory;
pub mod replicated;

pub use id::SessionId;

use crate::audit::AuditContext;
use crate::clock;
use crate::limits::{TooMany, UnknownIds};
use api_contract::sessions::SessionView;
use records::{Member, Records};
use std::time::Duration;
use upload_domain::username::Username;

/// Lifetimes and numbers of sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Idle timeout: time without a use after which a session expires.
    pub idle: Duration,
    /// Absolute timeout: age at which a session expires, used or not.
    pub absolute: Duration,
    /// Live sessions in this process at which new ones are refused (memory, replicated).
    pub max_live: usize,
    /// Live sessions of one account; a new one ends the oldest (ASVS 7.1.2).
    pub max_per_user: u32,
}

/// Reasons why a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Never created, ended, or stored only on another replica.
    #[error("no such session")]
    Unknown,
    /// The idle or absolute timeout has passed.
    #[error("the session has expired")]
    Expired,
    /// The limit of live sessions is reached, or that of remembered ones (replicated).
    #[error("too many sessions")]
    TooMany,
    /// Too many ids that no session has came from this address.
    #[error("too many unknown session ids; retry in {retry_after_s} s")]
    TooManyUnknown {
        /// Seconds until the next lookup.
        retry_after_s: u32,
    },
    /// Neither the cache nor the database answers, so the session may be live.
    #[error("the session store does not answer")]
    Unavailable,
}

impl From<TooMany> for SessionError {
    fn from(TooMany { retry_after_s }: TooMany) -> Self {
        Self::TooManyUnknown { retry_after_s }
    }
}

/// The data of a session, as its owner may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionData {
    /// Birth, milliseconds since 1970.
    pub created_at: u64,
    /// Last use, milliseconds since 1970.
    pub last_activity: u64,
    /// Time until it expires without a use.
    pub time_left: Duration,
    /// Names of the files uploaded in it, oldest first.
    pub files: Vec<String>,
}

/// The session store of this replica.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a process has one kind; a box would only add an allocation to each clone"
)]
pub enum Sessions {
    /// In this process only.
    Memory(memory::Memory),
    /// In every replica's memory, by gossip.
    Replicated(replicated::Replicated),
    /// In the database, cached in Redis.
    Central(central::Central),
}

impl Sessions {
    /// Birth: stores a session for the caller and returns its id.
    ///
    /// # Errors
    /// When there are too many, or the store does not answer.
    pub async fn start(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<SessionId, SessionError> {
        match self {
            Self::Memory(store) => store.start(member),
            Self::Replicated(store) => store.start(member, epoch).await,
            Self::Central(store) => store.start(member, epoch, audit).await,
        }
    }

    /// Returns the session's owner. Each use restarts the idle timeout, reads included. An id
    /// that is looked up in the database and not found counts in `unknown`.
    ///
    /// # Errors
    /// When no live session has this id, the store does not answer, or too many unknown ids
    /// came from there.
    pub(crate) async fn touch(
        &self,
        id: &SessionId,
        unknown: &UnknownIds,
    ) -> Result<Member, SessionError> {
        match self {
            Self::Memory(store) => store.touch(id),
            Self::Replicated(store) => store.touch(id).await,
            Self::Central(store) => store.touch_from(id, unknown).await,
        }
    }

    /// The same without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id, or the store does not answer.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        match self {
            Self::Memory(store) => store.peek(id),
            Self::Replicated(store) => store.peek(id).await,
            Self::Central(store) => store.peek(id).await,
        }
    }

    /// The session's data.
    ///
    /// # Errors
    /// When no live session has this id, or the store does not answer.
    pub async fn view(
        &self,
        id: &SessionId,
        member: &Member,
        served_by: &str,
    ) -> Result<SessionView, SessionError> {
        let data = match self {
            Self::Memory(store) => store.view(id),
            Self::Replicated(store) => store.view(id).await,
            Self::Central(store) => store.view(id).await,
        }?;
        Ok(SessionView {
            username: member.username.to_string(),
            created_at: data.created_at,
            last_activity: data.last_activity,
            expires_in: data.time_left.as_secs(),
            files_uploaded: data.files,
            served_by: served_by.to_owned(),
        })
    }

    /// Growth, after a file was stored. An ended session stays ended: an update never
    /// creates one.
    ///
    /// # Errors
    /// When no live session has this id, or the store does not answer.
    pub async fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        match self {
            Self::Memory(store) => store.add_file(id, name),
            Self::Replicated(store) => store.add_file(id, name).await,
            Self::Central(store) => {
                // The transaction that stored the file has added it.
                store.refresh_file_list(id).await;
                Ok(())
            }
        }
    }

    /// Whether sessions live in the database. Then a change of a session and its cause
    /// are one transaction.
    #[must_use]
    pub const fn are_in_records(&self) -> bool {
        matches!(self, Self::Central(_))
    }

    /// Death by logout. When this returns, the id is invalid: on this replica (memory),
    /// soon on all (replicated), on all (central).
    ///
    /// # Errors
    /// When no live session has this id, or the store does not answer.
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

    /// Death of all sessions of an account that were started before its present `epoch`. The
    /// database has already revoked those in `session_id_hashes`.
    ///
    /// # Errors
    /// When no store answers; then another replica may accept a session for some time.
    pub async fn end_all_of(
        &self,
        username: &Username,
        epoch: i64,
        session_id_hashes: Vec<String>,
    ) -> Result<(), SessionError> {
        match self {
            Self::Memory(store) => store.end_all_of(username),
            Self::Replicated(store) => store.end_all_of(username, epoch).await,
            Self::Central(store) => store.publish_revocations(session_id_hashes).await?,
        }
        Ok(())
    }

    /// Death of all expired sessions that no request has found expired. Nothing dies while
    /// this replica's clock is wrong; `memory` measures by the monotonic clock.
    pub async fn sweep(&self, records: &Records) {
        match self {
            Self::Memory(store) => store.sweep(),
            Self::Replicated(store) => {
                if let Some(time) = clock::sweep_time(records).await {
                    store.sweep(time).await;
                }
            }
            Self::Central(store) => store.sweep().await,
        }
    }

    /// Releases the sessions when this process shuts down.
    pub async fn end_of_process(&self) {
        match self {
            Self::Memory(store) => store.end_of_process(),
            Self::Replicated(store) => store.leave().await,
            Self::Central(_) => {}
        }
    }
}
