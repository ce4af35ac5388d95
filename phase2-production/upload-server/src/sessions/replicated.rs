//! Sessions in every replica's memory, kept equal by gossip.
//!
//! Any replica answers from its own memory and needs no store. The price: each replica
//! holds all sessions, and a change reaches the others a moment later. If two replicas
//! start sessions at once, an account may exceed its limit until its next login.
//!
//! A replica forgets an ended session only when it would have expired, because an entry
//! about it may still arrive. Ended sessions do not count for `--max-sessions`; they have
//! limits of their own, so that memory stays bounded.

use super::{SessionData, SessionError, SessionId, SessionLimits};
use crate::clock::{self, now};
use api_contract::sessions::MAX_SESSION_FILES;
use gossip::{Gone, Gossip, GossipConfig, SessionLifetimes};
use records::Member;
use std::net::SocketAddr;
use std::time::Duration;
use upload_domain::username::Username;

/// Time between two gossip rounds.
const GOSSIP_INTERVAL: Duration = Duration::from_millis(100);

/// Known sessions of one account, ended ones included, at which it cannot log in: this many
/// times `--max-sessions`. So an account that logs in and out without end blocks only
/// itself, and only until its ended sessions would have expired.
const ACCOUNT_FACTOR: usize = 2;

/// The smallest `--max-sessions` for those limits: a small one allows many logouts, too.
const MIN_FOR_KNOWN: usize = 10_000;

/// Known sessions of all accounts at which no account can log in: this many times the limit
/// of one account.
const ALL_ACCOUNTS_FACTOR: usize = 4;

/// This replica's sessions and its gossip. Clones share them.
#[derive(Clone)]
pub struct Replicated {
    gossip: Gossip,
    limits: SessionLimits,
}

impl Replicated {
    /// Joins the cluster of this deployment, and returns when this replica has its sessions.
    /// Replicas of another deployment are ignored: their accounts are others.
    ///
    /// # Errors
    /// When an address is not on this machine, or cannot be bound.
    pub async fn join(
        node: String,
        listen: SocketAddr,
        seeds: Vec<SocketAddr>,
        deployment: String,
        limits: SessionLimits,
    ) -> anyhow::Result<Self> {
        let lives = SessionLifetimes { idle: limits.idle, absolute: limits.absolute };
        let config = GossipConfig {
            node,
            listen,
            seeds,
            interval: GOSSIP_INTERVAL,
            cluster_id: deployment,
            lifetimes: lives,
            max_files: MAX_SESSION_FILES,
        };
        metrics::gauge!("live_sessions").set(0.0);
        Ok(Self { gossip: Gossip::join(config).await?, limits })
    }

    /// Birth, at this epoch of the account.
    ///
    /// # Errors
    /// When the limit of live sessions is reached, or that of known ones.
    pub async fn start(
        &self,
        member: &Member,
        epoch: i64,
    ) -> Result<SessionId, SessionError> {
        let owner = member.username.as_str();
        self.check_limits(owner)?;
        self.evict_oldest(owner).await;
        let (id, about) = (SessionId::random(), member_as_text(member));
        self.gossip.start(&id.hash(), (owner, epoch), &about, now()).await;
        tracing::info!(session = id.label(), user = owner, "session born");
        Ok(id)
    }

    /// Returns the session's owner and restarts the idle timeout on every replica.
    ///
    /// # Errors
    /// When this replica has no live session with this id.
    pub async fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        member(&self.gossip.touch(&id.hash(), now()).await?)
    }

    /// Returns the session's owner without counting as a use.
    ///
    /// # Errors
    /// When this replica has no live session with this id.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        member(&self.gossip.peek(&id.hash(), now())?.metadata)
    }

    /// The session's data.
    ///
    /// # Errors
    /// When this replica has no live session with this id.
    pub async fn view(&self, id: &SessionId) -> Result<SessionData, SessionError> {
        let now = now();
        let known = self.gossip.peek(&id.hash(), now)?;
        Ok(SessionData {
            created_at: unsigned(known.created_at),
            last_activity: unsigned(known.last_activity),
            time_left: Duration::from_millis(unsigned(known.lives_until - now)),
            files: known.files,
        })
    }

    /// Growth: an update never creates a session.
    ///
    /// # Errors
    /// When this replica has no live session with this id.
    pub async fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        Ok(self.gossip.add_file(&id.hash(), name, now()).await?)
    }

    /// Death by logout: at once on this replica, after gossip on the others.
    ///
    /// # Errors
    /// When this replica has no live session with this id.
    pub async fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        self.gossip.end(&id.hash(), now()).await?;
        tracing::info!(session = id.label(), "session died");
        Ok(())
    }

    /// Death of all sessions of one account that were born before `epoch`, on all replicas.
    pub async fn end_all_of(&self, username: &Username, epoch: i64) {
        self.gossip.end_all_of((username.as_str(), epoch), now()).await;
        tracing::info!(user = %username, "all sessions of the account died");
    }

    /// Death of all sessions that have expired at `time`. Also reports the number of live
    /// ones.
    pub async fn sweep(&self, time: i64) {
        self.gossip.sweep(time).await;
        report(self.gossip.size(now()).await.living);
    }

    /// Leaves the cluster; the other replicas keep the sessions.
    pub async fn leave(&self) {
        self.gossip.leave().await;
    }

    fn check_limits(&self, owner: &str) -> Result<(), SessionError> {
        let max_live = self.limits.max_live;
        if self.gossip.is_full(max_live, now()) {
            return Err(SessionError::TooMany);
        }
        let of_account = self.gossip.known_sessions_of(owner);
        if exceeds_known(max_live, of_account, self.gossip.known_sessions()) {
            // Sweeps free memory, and they need a clock that agrees with the database's.
            let clock_agrees = clock::agreed();
            tracing::warn!(user = owner, clock_agrees, "too many ended sessions");
            return Err(SessionError::TooMany);
        }
        Ok(())
    }

    async fn evict_oldest(&self, owner: &str) {
        let alive = self.gossip.sessions_of(owner, now());
        let max_sessions =
            usize::try_from(self.limits.max_per_user).unwrap_or(usize::MAX);
        let excess = (alive.len() + 1).saturating_sub(max_sessions);
        for session_id_hash in alive.into_iter().take(excess) {
            // Another replica may have ended it meanwhile.
            let _ = self.gossip.end(&session_id_hash, now()).await;
        }
    }
}

/// Whether this account, or all together, have too many known sessions for a login.
fn exceeds_known(max_live: usize, of_account: usize, of_all: usize) -> bool {
    let max_of_account = max_live.max(MIN_FOR_KNOWN).saturating_mul(ACCOUNT_FACTOR);
    let max_of_all = max_of_account.saturating_mul(ALL_ACCOUNTS_FACTOR);
    of_account >= max_of_account || of_all >= max_of_all
}

impl From<Gone> for SessionError {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Unknown => Self::Unknown,
            Gone::Expired => Self::Expired,
            Gone::CatchingUp => Self::Unavailable,
        }
    }
}

/// The account's data in a gossip message.
fn member_as_text(member: &Member) -> String {
    serde_json::to_string(member).expect("a member serializes to JSON")
}

/// A replica of another version may send data that this one cannot parse.
fn member(about: &str) -> Result<Member, SessionError> {
    serde_json::from_str(about).map_err(|error| {
        tracing::error!(%error, "a session's data cannot be parsed");
        SessionError::Unknown
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53 sessions")]
fn report(living: usize) {
    metrics::gauge!("live_sessions").set(living as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_with_many_ended_sessions_blocks_only_itself() {
        for max_live in [1, MIN_FOR_KNOWN, 100_000] {
            let most = ACCOUNT_FACTOR * max_live.max(MIN_FOR_KNOWN);
            assert!(!exceeds_known(max_live, most - 1, most - 1));
            assert!(exceeds_known(max_live, most, most), "this account");
            assert!(!exceeds_known(max_live, 0, most), "another account");
            assert!(exceeds_known(max_live, 0, most * ALL_ACCOUNTS_FACTOR), "memory");
        }
        assert!(!exceeds_known(usize::MAX, 1, 1), "no overflow");
    }
}
