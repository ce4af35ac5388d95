//! The session store: what the server remembers of each caller, from birth to death.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a session may live.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Without being used.
    pub idle: Duration,
    /// At all, used or not.
    pub absolute: Duration,
}

/// What a caller may see of a session.
#[derive(Debug)]
pub struct Seen {
    pub username: String,
    pub notes: Vec<String>,
}

/// Time is taken from a clock that nobody can turn back.
#[derive(Debug)]
struct Session {
    username: String,
    notes: Vec<String>,
    born: Instant,
    last_used: Instant,
}

/// All sessions of this process. The lock is never held across an `await`: there is none.
#[derive(Debug)]
pub struct Sessions {
    live: Mutex<HashMap<String, Session>>,
    limits: Limits,
}

impl Sessions {
    pub fn new(limits: Limits) -> Self {
        Self { live: Mutex::default(), limits }
    }

    /// Birth. A new id each time: an id that was known before the login, perhaps to
    /// somebody else, must not be worth more after it.
    pub fn start(&self, username: &str, old_id: Option<&str>) -> String {
        let id = random_id();
        let now = Instant::now();
        let username = username.to_owned();
        let session = Session { username, notes: Vec::new(), born: now, last_used: now };
        let mut live = self.lock();
        if let Some(old_id) = old_id {
            live.remove(old_id);
        }
        // Those who are never asked about again would stay for ever.
        live.retain(|_, session| session.is_alive(self.limits));
        live.insert(id.clone(), session);
        id
    }

    /// Maturity: to look is to use.
    pub fn look(&self, id: &str) -> Option<Seen> {
        self.used(id, |session| Seen {
            username: session.username.clone(),
            notes: session.notes.clone(),
        })
    }

    /// Growth, under the same lock from reading to writing: no note is lost.
    pub fn add_note(&self, id: &str, text: String) -> Option<usize> {
        self.used(id, |session| {
            session.notes.push(text);
            session.notes.len()
        })
    }

    /// Death: what is forgotten here cannot be used, whoever still holds the id.
    pub fn end(&self, _id: &str) {
        // The client forgets it.
    }

    /// The one way to a session, so that nobody can forget to ask whether it is alive.
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

/// 128 bits from the operating system's generator.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    bytes.iter().fold(String::new(), |mut id, byte| {
        let _infallible = write!(id, "{byte:02x}");
        id
    })
}
