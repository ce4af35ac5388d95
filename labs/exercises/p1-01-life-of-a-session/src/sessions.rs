//! The session store: what the server remembers of each caller, from birth to death.
//! This is your file. The README says what each function has to do.

use std::time::Duration;

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

/// All sessions of this process. Requests are answered at the same time, by several
/// threads, and all of them come here: hence `&self` below, not `&mut self`.
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

    /// Task 1, birth: remembers the caller, and returns an id that nobody can guess.
    /// `old_id` is the id that came with the login, if one did; its session ends here.
    pub fn start(&self, username: &str, old_id: Option<&str>) -> String {
        // TODO: this id can be guessed, and nothing is remembered under it.
        let _ = old_id;
        format!("session-of-{username}")
    }

    /// Task 1 and 3, maturity: what is known under this id, if its session is alive. To
    /// look is to use: the idle time starts anew.
    pub fn look(&self, id: &str) -> Option<Seen> {
        // TODO
        let _ = id;
        None
    }

    /// Task 2, growth: remembers a note, and returns how many there are now. This is a
    /// use too.
    pub fn add_note(&self, id: &str, text: String) -> Option<usize> {
        // TODO
        let _ = (id, text);
        None
    }

    /// Task 5, death: from now on nobody can use this id.
    pub fn end(&self, id: &str) {
        // TODO
        let _ = id;
    }
}
