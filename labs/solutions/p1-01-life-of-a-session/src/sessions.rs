//! The session store: the server's data of each session, from birth to death.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The two timeouts of a session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum time without a use.
    pub idle: Duration,
    /// Maximum time since the login, used or not.
    pub absolute: Duration,
}

/// The content of a session that the client gets.
#[derive(Debug)]
pub struct Seen {
    pub username: String,
    pub notes: Vec<String>,
}

/// A session. `Instant` is a monotonic clock, which is never set back.
#[derive(Debug)]
struct Session {
    username: String,
    notes: Vec<String>,
    born: Instant,
    last_used: Instant,
}

/// All sessions of this process. The lock is never held across an `await`.
#[derive(Debug)]
pub struct Sessions {
    live: Mutex<HashMap<String, Session>>,
    limits: Limits,
}

impl Sessions {
    pub fn new(limits: Limits) -> Self {
        Self { live: Mutex::default(), limits }
    }

    /// Birth. Each login gets a new id: an attacker may know the old one (session
    /// fixation).
    pub fn start(&self, username: &str, old_id: Option<&str>) -> String {
        let id = random_id();
        let now = Instant::now();
        let username = username.to_owned();
        let session = Session { username, notes: Vec::new(), born: now, last_used: now };
        let mut live = self.lock();
        if let Some(old_id) = old_id {
            live.remove(old_id);
        }
        // Expired sessions that are never read again would stay for ever.
        live.retain(|_, session| session.is_alive(self.limits));
        live.insert(id.clone(), session);
        id
    }

    /// Maturity. A read is a use.
    pub fn look(&self, id: &str) -> Option<Seen> {
        self.used(id, |session| Seen {
            username: session.username.clone(),
            notes: session.notes.clone(),
        })
    }

    /// Growth. The lock is held from reading to writing, so no note is lost.
    pub fn add_note(&self, id: &str, text: String) -> Option<usize> {
        self.used(id, |session| {
            session.notes.push(text);
            session.notes.len()
        })
    }

    /// Death. After the removal, every copy of the id is worthless.
    pub fn end(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The only access to a session, so that the timeouts are always checked.
    fn used<T>(&self, id: &str, then: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut live = self.lock();
        let session = live.get_mut(id)?;
        if !session.is_alive(self.limits) {
            live.remove(id);
            return None;
        }
        session.last_used = Instant::now();
        Some(then(session))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_alive(&self, limits: Limits) -> bool {
        self.born.elapsed() < limits.absolute && self.last_used.elapsed() < limits.idle
    }
}

/// 128 random bits from the operating system, in hex.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    bytes.iter().fold(String::new(), |mut id, byte| {
        let _infallible = write!(id, "{byte:02x}");
        id
    })
}
