//! Sessions in every replica's memory, because the replicas tell each other.
//!
//! Any replica answers from its own memory, without a store that could be away. The price:
//! each of them holds all sessions, and what one has done another learns a moment later.
//! A limit that two replicas reach at once is exceeded until that person's next login.

use super::{Remembered, SessionError, SessionId, SessionLimits};
use crate::clock::now;
use api_contract::sessions::MOST_FILES_REMEMBERED;
use gossip::{Gone, Gossip, GossipConfig, Lives};
use records::Member;
use std::net::SocketAddr;
use std::time::Duration;
use upload_domain::username::Username;

/// Between two rounds of talk.
const INTERVAL: Duration = Duration::from_millis(100);

/// Replicas of something else on the same machine are not listened to. No secret.
const GROUP: &str = "upload-server";

/// This replica's memory, and its talk with the others. Clones share them.
#[derive(Clone)]
pub struct Replicated {
    gossip: Gossip,
    limits: SessionLimits,
}

impl Replicated {
    /// Joins the others, and returns when it knows what they know.
    ///
    /// # Errors
    /// When an address is not on this machine, or cannot be listened at.
    pub async fn join(
        node: String,
        listen: SocketAddr,
        seeds: Vec<SocketAddr>,
        limits: SessionLimits,
    ) -> anyhow::Result<Self> {
        let lives = Lives { idle: limits.idle, absolute: limits.absolute };
        let cluster_id = GROUP.to_owned();
        let config = GossipConfig {
            node,
            listen,
            seeds,
            interval: INTERVAL,
            cluster_id,
            lives,
            most_files: MOST_FILES_REMEMBERED,
        };
        metrics::gauge!("live_sessions").set(0.0);
        Ok(Self { gossip: Gossip::join(config).await?, limits })
    }

    /// Birth.
    ///
    /// # Errors
    /// When there are as many sessions as there may be.
    pub async fn start(&self, member: &Member) -> Result<SessionId, SessionError> {
        if self.gossip.known() >= self.limits.max_live {
            // The dead who were not noticed yet take nobody's place.
            self.sweep().await;
        }
        if self.gossip.known() >= self.limits.max_live {
            return Err(SessionError::TooMany);
        }
        let owner = member.username.as_str();
        self.make_room_for(owner).await;
        let (id, about) = (SessionId::random(), member_as_text(member));
        self.gossip.start(&id.proof(), owner, &about, now()).await;
        tracing::info!(session = id.label(), user = owner, "session born");
        Ok(id)
    }

    /// Who is calling; the idle time starts anew, on every replica.
    ///
    /// # Errors
    /// When no live session has this id, as far as this replica has heard.
    pub async fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        member(&self.gossip.touch(&id.proof(), now()).await?)
    }

    /// Whether it lives, without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id, as far as this replica has heard.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        member(&self.gossip.look(&id.proof(), now())?.about)
    }

    /// What is remembered.
    ///
    /// # Errors
    /// When no live session has this id, as far as this replica has heard.
    pub async fn view(&self, id: &SessionId) -> Result<Remembered, SessionError> {
        let now = now();
        let known = self.gossip.look(&id.proof(), now)?;
        Ok(Remembered {
            created_at: unsigned(known.created_at),
            last_activity: unsigned(known.last_activity),
            time_left: Duration::from_millis(unsigned(known.lives_until - now)),
            files: known.files,
        })
    }

    /// Growth: an update never creates.
    ///
    /// # Errors
    /// When no live session has this id, as far as this replica has heard.
    pub async fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        Ok(self.gossip.add_file(&id.proof(), name, now()).await?)
    }

    /// Death by logout: here at once, elsewhere when they have heard of it.
    ///
    /// # Errors
    /// When no live session has this id, as far as this replica has heard.
    pub async fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        self.gossip.end(&id.proof(), now()).await?;
        tracing::info!(session = id.label(), "session died");
        Ok(())
    }

    /// Death of all that one person has, on whatever replica.
    pub async fn end_all_of(&self, username: &Username) {
        self.gossip.end_all_of(username.as_str(), now()).await;
        tracing::info!(user = %username, "sessions died");
    }

    /// Death of all whose time is up. Also reports how much this replica holds.
    pub async fn sweep(&self) {
        self.gossip.sweep(now()).await;
        report(self.gossip.size(now()).await.living);
    }

    /// The process ends; what it wrote lives on with the others.
    pub async fn leave(&self) {
        self.gossip.leave().await;
    }

    async fn make_room_for(&self, owner: &str) {
        let alive = self.gossip.of(owner, now());
        let most = usize::try_from(self.limits.max_per_user).unwrap_or(usize::MAX);
        let excess = (alive.len() + 1).saturating_sub(most);
        for proof in alive.into_iter().take(excess) {
            // Somebody else may have ended it meanwhile.
            let _ = self.gossip.end(&proof, now()).await;
        }
    }
}

impl From<Gone> for SessionError {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Unknown => Self::Unknown,
            Gone::Expired => Self::Expired,
            Gone::CatchingUp => Self::CannotKnow,
        }
    }
}

/// What the replicas tell each other of a person.
fn member_as_text(member: &Member) -> String {
    serde_json::to_string(member).expect("a member is JSON")
}

/// A replica of another version may have said something that this one does not understand.
fn member(about: &str) -> Result<Member, SessionError> {
    serde_json::from_str(about).map_err(|error| {
        tracing::error!(%error, "a session of an unknown kind");
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
