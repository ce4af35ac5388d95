//! The session store: a map in this process's memory.
//!
//! Birth at login, growth with use, death by logout, silence, old age, or the end of the
//! process. Nothing outside this process knows that a session ever was: that is what
//! makes it fast, and what a restart, a crash or a second replica shows.

use api_contract::secret::Secret;
use api_contract::sessions::{MOST_FILES_REMEMBERED, SessionView};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use upload_domain::incoming::now_ms;
use upload_domain::username::Username;

/// Bytes of randomness in an id: twice what OWASP ASVS 7.2.3 asks for.
const ID_BYTES: usize = 32;

/// How long sessions live, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Silence after which a session dies; every use starts it anew.
    pub idle: Duration,
    /// Age at which a session dies, used or not.
    pub absolute: Duration,
    /// Sessions beyond which no new one is born.
    pub max_live: usize,
}

/// What a client holds: a number that means nothing anywhere else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    fn random() -> Self {
        use base64::Engine;
        let mut bytes = [0_u8; ID_BYTES];
        getrandom::fill(&mut bytes).expect("the operating system's generator works");
        Self(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The id in a request's `X-Session-ID`. Looked for nowhere else: an id in a URL is
    /// an id in a log (OWASP Session Management, "Session ID in URL").
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(api_contract::headers::SESSION_ID)?.to_str().ok()?;
        Some(Self(value.to_owned()))
    }

    /// The id for its owner.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// A name for the log that cannot be used to log in.
    fn label(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
    }
}

/// Why a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// Never born here, or dead and forgotten.
    Unknown,
    /// Dead of silence or old age, noticed just now.
    Expired,
}

/// There are as many sessions as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySessions;

/// How a session died.
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

/// What is remembered of one caller. It grows with every upload.
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
    /// Time is measured by a clock that nobody can turn back.
    fn death(&self, limits: &SessionLimits) -> Option<Cause> {
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

/// All sessions of this process. Clones share the map; the map is the state.
#[derive(Clone)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<SessionId, Session>>>,
    limits: SessionLimits,
}

impl Sessions {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        metrics::gauge!("live_sessions").set(0.0);
        Self { live: Arc::default(), limits }
    }

    /// Birth: remembers the caller and returns what they must send from now on.
    ///
    /// # Errors
    /// When there are as many sessions as there may be.
    pub fn start(&self, username: Username) -> Result<SessionId, TooManySessions> {
        let mut live = self.lock();
        if live.len() >= self.limits.max_live {
            // The dead who were not noticed yet take nobody's place.
            self.bury_the_dead(&mut live);
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

    /// Who is calling. Each use starts the idle time anew, reads included.
    ///
    /// # Errors
    /// When no live session has this id; one whose time ran out dies here.
    pub fn touch(&self, id: &SessionId) -> Result<Username, NoSession> {
        let mut live = self.lock();
        let session = self.living(&mut live, id)?;
        session.touch();
        Ok(session.username.clone())
    }

    /// What is remembered, for the caller to see.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn view(
        &self,
        id: &SessionId,
        served_by: &str,
    ) -> Result<SessionView, NoSession> {
        let limits = self.limits;
        let mut live = self.lock();
        let session = self.living(&mut live, id)?;
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

    /// Growth. A session that ended meanwhile stays ended: an update never creates.
    pub fn add_file(&self, id: &SessionId, name: &str) {
        let mut live = self.lock();
        if let Ok(session) = self.living(&mut live, id) {
            session.files_uploaded.push(name.to_owned());
            let excess =
                session.files_uploaded.len().saturating_sub(MOST_FILES_REMEMBERED);
            session.files_uploaded.drain(..excess);
            session.touch();
        }
    }

    /// Death by logout. When this returns, the id is dead.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn end(&self, id: &SessionId) -> Result<(), NoSession> {
        let mut live = self.lock();
        self.living(&mut live, id)?;
        bury(&mut live, id, Cause::Ended);
        Ok(())
    }

    /// Seconds of silence that a session survives.
    #[must_use]
    pub const fn idle_seconds(&self) -> u64 {
        self.limits.idle.as_secs()
    }

    /// Death of all whose time ran out and who never came back to notice it.
    pub fn sweep(&self) {
        self.bury_the_dead(&mut self.lock());
    }

    /// Death of all, because the process ends. After SIGKILL not even this happens.
    pub fn end_of_process(&self) {
        let mut live = self.lock();
        for id in live.keys().cloned().collect::<Vec<_>>() {
            bury(&mut live, &id, Cause::ProcessExit);
        }
    }

    fn bury_the_dead(&self, live: &mut HashMap<SessionId, Session>) {
        let dead: Vec<_> = live
            .iter()
            .filter_map(|(id, session)| Some((id.clone(), session.death(&self.limits)?)))
            .collect();
        for (id, cause) in dead {
            bury(live, &id, cause);
        }
    }

    fn living<'a>(
        &self,
        live: &'a mut HashMap<SessionId, Session>,
        id: &SessionId,
    ) -> Result<&'a mut Session, NoSession> {
        let found = live.get(id).ok_or(NoSession::Unknown)?;
        if let Some(cause) = found.death(&self.limits) {
            bury(live, id, cause);
            return Err(NoSession::Expired);
        }
        live.get_mut(id).ok_or(NoSession::Unknown)
    }

    /// A thread that panicked while holding the lock cannot have left a half-made
    /// session: every change under it is one step.
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bury(live: &mut HashMap<SessionId, Session>, id: &SessionId, cause: Cause) {
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
