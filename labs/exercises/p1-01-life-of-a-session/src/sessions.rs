//! The session store: the server's data of each session, from birth to death. This is
//! your file. The README describes each function.

use std::time::Duration;

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

/// All sessions of this process. Several threads answer requests at the same time and use
/// this value: hence `&self` below, not `&mut self`.
#[derive(Debug)]
pub struct Sessions {
    // TODO: where are the sessions? Several threads need them.
    #[allow(dead_code)]
    limits: Limits,
}

impl Sessions {
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Task 1, birth: stores the user and returns an id that cannot be guessed. `old_id`
    /// is the id in the login request, if there is one; its session ends here.
    pub fn start(&self, username: &str, old_id: Option<&str>) -> String {
        // TODO: this id can be guessed, and no session is stored under it.
        let _ = old_id;
        format!("session-of-{username}")
    }

    /// Tasks 1 and 3, maturity: the content of the session with this id, if it is alive.
    /// This is a use: the idle time starts again.
    pub fn look(&self, id: &str) -> Option<Seen> {
        // TODO
        let _ = id;
        None
    }

    /// Task 2, growth: adds a note and returns the number of notes. This is a use, too.
    pub fn add_note(&self, id: &str, text: String) -> Option<usize> {
        // TODO
        let _ = (id, text);
        None
    }

    /// Task 5, death: ends the session. The id is not accepted any more.
    pub fn end(&self, id: &str) {
        // TODO
        let _ = id;
    }
}
