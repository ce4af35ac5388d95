//! One request: its call, times and result.

use http::StatusCode;
use std::fmt;

/// The call.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Call {
    LogIn,
    Session,
    Upload,
    List,
    Read,
}

impl Call {
    /// The name in reports, goose's included.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LogIn => "log in",
            Self::Session => "session",
            Self::Upload => "upload",
            Self::List => "list",
            Self::Read => "read",
        }
    }
}

/// The result of a request, from the user's side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// As expected.
    Fine,
    /// 503 with Retry-After.
    Busy,
    /// 401 for a credential that was issued, has not expired and was not revoked by its user.
    LoggedOut,
    /// Any other refusal.
    Status(u16),
    /// No complete answer before the client's timeout.
    TimedOut,
    /// No connection.
    NoConnection,
    /// A connection, but no complete answer.
    BrokenOff,
    /// An incorrect answer, with the defect.
    Untrue(&'static str),
    /// The request was never sent, so it shows nothing about the server.
    NotSent,
}

impl Ended {
    /// Classifies a refusal. A refused login is not a lost login.
    pub(crate) fn refused(status: StatusCode, says_when: bool, call: Call) -> Self {
        match status {
            StatusCode::UNAUTHORIZED if call != Call::LogIn => Self::LoggedOut,
            StatusCode::SERVICE_UNAVAILABLE if says_when => Self::Busy,
            status => Self::Status(status.as_u16()),
        }
    }

    /// Classifies a request without a complete answer.
    pub(crate) fn without_answer(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_builder() => Self::NotSent,
            error if error.is_timeout() => Self::TimedOut,
            error if error.is_connect() => Self::NoConnection,
            _ => Self::BrokenOff,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine => f.write_str("fine"),
            Self::Busy => f.write_str("503 with Retry-After"),
            Self::LoggedOut => f.write_str("401 logged out"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::NoConnection => f.write_str("no connection"),
            Self::BrokenOff => f.write_str("broken off"),
            Self::Untrue(what) => write!(f, "incorrect: {what}"),
            Self::NotSent => f.write_str("not sent"),
        }
    }
}

/// One request. Times are microseconds since the start of the load.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The user's number, from 0.
    pub(crate) user: usize,
    pub(crate) call: Call,
    /// The intended start.
    pub(crate) meant_us: u64,
    /// The actual start: later if the user's previous request was still under way.
    pub(crate) sent_us: u64,
    /// The end of the complete answer, or of the wait for it.
    pub(crate) ended_us: u64,
    pub(crate) ended: Ended,
    /// The process that answered.
    pub(crate) served_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_503_with_retry_after_counts_as_busy() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(Ended::refused(busy, true, Call::LogIn), Ended::Busy);
        assert_eq!(Ended::refused(busy, false, Call::LogIn), Ended::Status(503));
    }

    #[test]
    fn wrong_password_is_no_lost_login() {
        let no = StatusCode::UNAUTHORIZED;
        assert_eq!(Ended::refused(no, false, Call::LogIn), Ended::Status(401));
        assert_eq!(Ended::refused(no, false, Call::List), Ended::LoggedOut);
    }
}
