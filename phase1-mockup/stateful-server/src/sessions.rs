//! The session store: a map in the memory of this process.
//!
//! A session is born at login, grows with use, and dies by logout, idle timeout, absolute
//! timeout, or the end of the process. It exists only in this process: that makes it fast, and a
//! restart, a crash or a second replica shows the disadvantage.

use api_contract::secret::Secret;
use api_contract::sessions::{MAX_SESSION_FILES, SessionView};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use upload_domain::incoming::now_ms;
use upload_domain::username::Username;

/// The random bytes of an id, twice the minimum of OWASP ASVS 7.2.3.
const ID_BYTES: usize = 32;

/// The timeouts and the maximum number of sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// The idle timeout. Every use resets it.
    pub idle: Duration,
    /// The absolute timeout since the login.
    pub absolute: Duration,
    /// The maximum number of live sessions.
    pub max_live: usize,
}

/// The session id: a random value without a meaning of its own.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    fn random() -> Self {
        use base64::Engine;
        let mut bytes = [0_u8; ID_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system's generator works");
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id in the header `X-Session-ID`. Other places are not read, because URLs are logged
    /// (OWASP Session Management, "Session ID in URL").
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(api_contract::headers::SESSION_ID)?.to_str().ok()?;
        Some(Self(value.to_owned()))
    }

    /// The id to send to the client.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// A hash prefix for the log, which cannot be used as a session id.
    fn label(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
    }
}

/// Why a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// It never existed here, or has ended.
    Unknown,
    /// A timeout is over; the session is removed now.
    Expired,
}

/// The limit of live sessions is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySessions;

/// The cause of the end of a session.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Ended,
    Idle,
    Absolute,
    ProcessExit,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::ProcessExit => "process-exit",
        }
    }
}

/// The state of one session. It grows with every upload.
#[derive(Debug)]
struct Session {
    username: Username,
    born: Instant,
    last_used: Instant,
    created_at: u64,
    last_activity: u64,
    files_uploaded: Vec<String>,
}

impl Session {
    /// Uses a monotonic clock, so that clock changes do not matter.
    fn expired(&self, limits: &SessionLimits) -> Option<Cause> {
        if self.born.elapsed() >= limits.absolute {
            Some(Cause::Absolute)
        } else if self.last_used.elapsed() >= limits.idle {
            Some(Cause::Idle)
        } else {
            None
        }
    }

    fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_activity = now_ms();
    }
}

/// All sessions of this process. Clones share the map, which is the state.
#[derive(Clone)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<SessionId, Session>>>,
    limits: SessionLimits,
}

impl Sessions {
    /// An empty session store.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        metrics::gauge!("live_sessions").set(0.0);
        Self { live: Arc::default(), limits }
    }

    /// Birth: creates a session and returns its id.
    ///
    /// # Errors
    /// When the limit of live sessions is reached.
    pub fn start(&self, username: Username) -> Result<SessionId, TooManySessions> {
        let mut live = self.lock();
        if live.len() >= self.limits.max_live {
            // Expired sessions do not count.
            self.remove_expired(&mut live);
        }
        if live.len() >= self.limits.max_live {
            return Err(TooManySessions);
        }
        let (id, now) = (SessionId::random(), Instant::now());
        tracing::info!(session = id.label(), user = %username, "session born");
        let session = Session {
            username,
            born: now,
            last_used: now,
            created_at: now_ms(),
            last_activity: now_ms(),
            files_uploaded: Vec::new(),
        };
        live.insert(id.clone(), session);
        report_size(&live);
        Ok(id)
    }

    /// Returns the account of a session and resets its idle timeout, also for reads.
    ///
    /// # Errors
    /// When there is no live session with this id. An expired session is removed.
    pub fn touch(&self, id: &SessionId) -> Result<Username, NoSession> {
        let mut live = self.lock();
        let session = self.get_live(&mut live, id)?;
        session.touch();
        Ok(session.username.clone())
    }

    /// The state of a session, for its owner.
    ///
    /// # Errors
    /// When there is no live session with this id.
    pub fn view(
        &self,
        id: &SessionId,
        served_by: &str,
    ) -> Result<SessionView, NoSession> {
        let limits = self.limits;
        let mut live = self.lock();
        let session = self.get_live(&mut live, id)?;
        let life_left = limits.absolute.saturating_sub(session.born.elapsed());
        let idle_left = limits.idle.saturating_sub(session.last_used.elapsed());
        Ok(SessionView {
            username: session.username.to_string(),
            created_at: session.created_at,
            last_activity: session.last_activity,
            expires_in: life_left.min(idle_left).as_secs(),
            files_uploaded: session.files_uploaded.clone(),
            served_by: served_by.to_owned(),
        })
    }

    /// Growth: adds a file name. An update never creates a session that has ended.
    pub fn add_file(&self, id: &SessionId, name: &str) {
        let mut live = self.lock();
        if let Ok(session) = self.get_live(&mut live, id) {
            session.files_uploaded.push(name.to_owned());
            let excess = session.files_uploaded.len().saturating_sub(MAX_SESSION_FILES);
            session.files_uploaded.drain(..excess);
            session.touch();
        }
    }

    /// Death by logout. After this call the id is invalid.
    ///
    /// # Errors
    /// When there is no live session with this id.
    pub fn end(&self, id: &SessionId) -> Result<(), NoSession> {
        let mut live = self.lock();
        self.get_live(&mut live, id)?;
        remove(&mut live, id, Cause::Ended);
        Ok(())
    }

    /// The idle timeout in seconds.
    #[must_use]
    pub const fn idle_seconds(&self) -> u64 {
        self.limits.idle.as_secs()
    }

    /// Death of all expired sessions, even if their clients never return.
    pub fn sweep(&self) {
        self.remove_expired(&mut self.lock());
    }

    /// Death of all sessions at an orderly end of the process. SIGKILL skips this.
    pub fn end_all(&self) {
        let mut live = self.lock();
        for id in live.keys().cloned().collect::<Vec<_>>() {
            remove(&mut live, &id, Cause::ProcessExit);
        }
    }

    fn remove_expired(&self, live: &mut HashMap<SessionId, Session>) {
        let expired: Vec<_> = live
            .iter()
            .filter_map(|(id, session)| {
                Some((id.clone(), session.expired(&self.limits)?))
            })
            .collect();
        for (id, cause) in expired {
            remove(live, &id, cause);
        }
    }

    fn get_live<'a>(
        &self,
        live: &'a mut HashMap<SessionId, Session>,
        id: &SessionId,
    ) -> Result<&'a mut Session, NoSession> {
        let found = live.get(id).ok_or(NoSession::Unknown)?;
        if let Some(cause) = found.expired(&self.limits) {
            remove(live, id, cause);
            return Err(NoSession::Expired);
        }
        live.get_mut(id).ok_or(NoSession::Unknown)
    }

    /// A poisoned lock is safe to use, because every change of the map is a single step.
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(live: &mut HashMap<SessionId, Session>, id: &SessionId, cause: Cause) {
    let Some(session) = live.remove(id) else {
        return;
    };
    report_size(live);
    tracing::info!(
        session = id.label(),
        user = %session.username,
        cause = cause.as_str(),
        lived_s = session.born.elapsed().as_secs(),
        files = session.files_uploaded.len(),
        "session died"
    );
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53 sessions")]
fn report_size(live: &HashMap<SessionId, Session>) {
    metrics::gauge!("live_sessions").set(live.len() as f64);
}

#[cfg(test)]
mod tests;
