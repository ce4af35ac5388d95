//! One request: what was asked, when, and how it ended.

use http::StatusCode;
use std::fmt;

/// What was asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Call {
    LogIn,
    Session,
    Upload,
    List,
    Read,
}

impl Call {
    /// As it stands in reports, goose's included.
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

/// How a request ended, seen from the user's chair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// As it should.
    Fine,
    /// 503 that says when to come back.
    Busy,
    /// 401 for a proof that was given out, has time left, and was never given back.
    LoggedOut,
    /// Any other refusal.
    Status(u16),
    /// No whole answer within the user's patience.
    TimedOut,
    /// No connection.
    NoConnection,
    /// A connection, and no whole answer.
    BrokenOff,
    /// An answer that is not true, and what is wrong with it.
    Untrue(&'static str),
    /// It never left: nothing is known of the server.
    NotSent,
}

impl Ended {
    /// What a refusal says. Nobody is logged out who was not in.
    pub(crate) fn refused(status: StatusCode, says_when: bool, call: Call) -> Self {
        match status {
            StatusCode::UNAUTHORIZED if call != Call::LogIn => Self::LoggedOut,
            StatusCode::SERVICE_UNAVAILABLE if says_when => Self::Busy,
            status => Self::Status(status.as_u16()),
        }
    }

    /// Why there is no whole answer.
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
            Self::Untrue(what) => write!(f, "untrue: {what}"),
            Self::NotSent => f.write_str("not sent"),
        }
    }
}

/// One request. Times are microseconds since the load began.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Who made it, from 0.
    pub(crate) user: usize,
    pub(crate) call: Call,
    /// When it was meant to start.
    pub(crate) meant_us: u64,
    /// When it was sent: later, if its user was still waiting for another.
    pub(crate) sent_us: u64,
    /// When its answer was there whole, or was given up.
    pub(crate) ended_us: u64,
    pub(crate) ended: Ended,
    /// Who answered.
    pub(crate) served_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_503_is_honest_only_if_it_says_when_to_come_back() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(Ended::refused(busy, true, Call::LogIn), Ended::Busy);
        assert_eq!(Ended::refused(busy, false, Call::LogIn), Ended::Status(503));
    }

    #[test]
    fn a_wrong_password_is_no_lost_login() {
        let no = StatusCode::UNAUTHORIZED;
        assert_eq!(Ended::refused(no, false, Call::LogIn), Ended::Status(401));
        assert_eq!(Ended::refused(no, false, Call::List), Ended::LoggedOut);
    }
}
