//! Sessions in every replica's memory, kept equal by gossip.
//!
//! Any replica answers from its own memory and needs no store. The price: each replica
//! holds all sessions, and a change reaches the others a moment later. If two replicas
//! start sessions at once, an account may exceed its limit until its next login.

use super::{SessionData, SessionError, SessionId, SessionLimits};
use crate::clock::now;
use api_contract::sessions::MAX_SESSION_FILES;
use gossip::{Gone, Gossip, GossipConfig, SessionLifetimes};
use records::Member;
use std::net::SocketAddr;
use std::time::Duration;
use upload_domain::username::Username;

/// Time between two gossip rounds.
const GOSSIP_INTERVAL: Duration = Duration::from_millis(100);

/// Replicas of other clusters on the same machine are ignored. Not a secret.
const CLUSTER_ID: &str = "upload-server";

/// This replica's sessions and its gossip. Clones share them.
#[derive(Clone)]
pub struct Replicated {
    gossip: Gossip,
    limits: SessionLimits,
}

impl Replicated {
    /// Joins the cluster, and returns when this replica has its sessions.
    ///
    /// # Errors
    /// When an address is not on this machine, or cannot be bound.
    pub async fn join(
        node: String,
        listen: SocketAddr,
        seeds: Vec<SocketAddr>,
        limits: SessionLimits,
    ) -> anyhow::Result<Self> {
        let lives = SessionLifetimes { idle: limits.idle, absolute: limits.absolute };
        let cluster_id = CLUSTER_ID.to_owned();
        let config = GossipConfig {
            node,
            listen,
            seeds,
            interval: GOSSIP_INTERVAL,
            cluster_id,
            lifetimes: lives,
            max_files: MAX_SESSION_FILES,
        };
        metrics::gauge!("live_sessions").set(0.0);
        Ok(Self { gossip: Gossip::join(config).await?, limits })
    }

    /// Birth.
    ///
    /// # Errors
    /// When the limit of live sessions is reached.
    pub async fn start(&self, member: &Member) -> Result<SessionId, SessionError> {
        if self.gossip.known_sessions() >= self.limits.max_live {
            // Expired sessions must not count for the limit.
            self.sweep().await;
        }
        if self.gossip.known_sessions() >= self.limits.max_live {
            return Err(SessionError::TooMany);
        }
        let owner = member.username.as_str();
        self.evict_oldest(owner).await;
        let (id, about) = (SessionId::random(), member_as_text(member));
        self.gossip.start(&id.hash(), owner, &about, now()).await;
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

    /// Death of all sessions of one account, on all replicas.
    pub async fn end_all_of(&self, username: &Username) {
        self.gossip.end_all_of(username.as_str(), now()).await;
        tracing::info!(user = %username, "all sessions of the account died");
    }

    /// Death of all expired sessions. Also reports the number of live ones.
    pub async fn sweep(&self) {
        self.gossip.sweep(now()).await;
        report(self.gossip.size(now()).await.living);
    }

    /// Leaves the cluster; the other replicas keep the sessions.
    pub async fn leave(&self) {
        self.gossip.leave().await;
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
