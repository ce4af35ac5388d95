//! The result of a request for its user: what figures of a load are counted from.

use crate::completion::CLIENT_TIMEOUT;
use crate::entry::{Entry, Operation, OperationOutcome, ReplyKind};

/// The result of a request, from the user's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// As expected.
    Success,
    /// 401 for a credential that was issued, has not expired and was not revoked by its user.
    LoginLost,
    /// No answer, or a refusal.
    Failed,
    /// No answer before the client's timeout; a busy machine is a possible cause.
    TimedOut,
}

impl RequestResult {
    /// Whether the request failed, in contrast to a lost login.
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }
}

impl Entry {
    /// The result for the user.
    #[must_use]
    pub fn request_result(&self) -> RequestResult {
        let timed_out = self.reply_kind == ReplyKind::NoReply
            && self.error.as_deref() == Some(CLIENT_TIMEOUT);
        match self.outcome {
            OperationOutcome::Ok => RequestResult::Success,
            _ if self.credential_refused() => RequestResult::LoginLost,
            _ if timed_out => RequestResult::TimedOut,
            _ => RequestResult::Failed,
        }
    }
}

/// The requests of the users, in the order of their ends. Verification reads are none, and a
/// successful login is only the preparation of one.
pub fn requests(entries: &[Entry]) -> impl DoubleEndedIterator<Item = &Entry> {
    entries.iter().filter(|entry| {
        let is_login =
            entry.operation == Operation::LogIn && entry.outcome == OperationOutcome::Ok;
        !entry.verification_read && !is_login
    })
}

/// The answers of the user with the fewest since a moment in microseconds. Errors do not
/// count: they show neither a login nor its loss.
#[must_use]
pub fn fewest_answers_since(entries: &[Entry], users: usize, since_us: u64) -> usize {
    let mut counts = vec![0; users];
    for entry in requests(entries).rev() {
        if entry.completed_us < since_us {
            break;
        }
        counts[entry.user] += usize::from(!entry.request_result().is_error());
    }
    counts.into_iter().min().unwrap_or(0)
}

/// Whether every user has made this many requests since a moment in microseconds, and the
/// last ones are all of one kind.
pub fn each_ends_with(
    entries: &[Entry],
    users: usize,
    since_us: u64,
    count: usize,
    kind: impl Fn(RequestResult) -> bool,
) -> bool {
    (0..users).all(|user| {
        let since = |entry: &&Entry| entry.user == user && entry.completed_us >= since_us;
        let last = requests(entries).rev().filter(since).take(count);
        last.filter(|entry| kind(entry.request_result())).count() == count
    })
}

/// The replica of each user's last login until a moment in microseconds.
#[must_use]
pub fn login_replicas(
    entries: &[Entry],
    users: usize,
    until_us: u64,
) -> Vec<Option<String>> {
    let mut replicas = vec![None; users];
    let logins = entries.iter().filter(|entry| {
        entry.operation == Operation::LogIn
            && entry.outcome == OperationOutcome::Ok
            && !entry.verification_read
            && entry.completed_us <= until_us
    });
    for login in logins {
        replicas[login.user].clone_from(&login.served_by);
    }
    replicas
}
