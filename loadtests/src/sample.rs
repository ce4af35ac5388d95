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
pub(crate) enum RequestResult {
    /// As expected.
    Success,
    /// 503 with Retry-After.
    RetryLater,
    /// 401 for a credential that was issued, has not expired and was not revoked by its user.
    LoginLost,
    /// Any other refusal.
    Status(u16),
    /// No complete answer before the client's timeout.
    TimedOut,
    /// No connection.
    NoConnection,
    /// A connection, but no complete answer.
    ConnectionBroken,
    /// An incorrect answer, with the defect.
    IncorrectAnswer(&'static str),
    /// The request was never sent, so it shows nothing about the server.
    NotSent,
}

impl RequestResult {
    /// Classifies a refusal. A refused login is not a lost login.
    pub(crate) fn of_refusal(
        status: StatusCode,
        has_retry_after: bool,
        call: Call,
    ) -> Self {
        match status {
            StatusCode::UNAUTHORIZED if call != Call::LogIn => Self::LoginLost,
            StatusCode::SERVICE_UNAVAILABLE if has_retry_after => Self::RetryLater,
            status => Self::Status(status.as_u16()),
        }
    }

    /// Classifies a request without a complete answer.
    pub(crate) fn of_transport_error(error: &reqwest::Error) -> Self {
        match error {
            error if error.is_builder() => Self::NotSent,
            error if error.is_timeout() => Self::TimedOut,
            error if error.is_connect() => Self::NoConnection,
            _ => Self::ConnectionBroken,
        }
    }
}

impl fmt::Display for RequestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("fine"),
            Self::RetryLater => f.write_str("503 with Retry-After"),
            Self::LoginLost => f.write_str("401 logged out"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::NoConnection => f.write_str("no connection"),
            Self::ConnectionBroken => f.write_str("broken off"),
            Self::IncorrectAnswer(defect) => write!(f, "incorrect: {defect}"),
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
    pub(crate) intended_us: u64,
    /// The actual start: later if the user's previous request was still under way.
    pub(crate) sent_us: u64,
    /// The end of the complete answer, or of the wait for it.
    pub(crate) completed_us: u64,
    pub(crate) result: RequestResult,
    /// The process that answered.
    pub(crate) served_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_503_with_retry_after_counts_as_busy() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(
            RequestResult::of_refusal(busy, true, Call::LogIn),
            RequestResult::RetryLater
        );
        assert_eq!(
            RequestResult::of_refusal(busy, false, Call::LogIn),
            RequestResult::Status(503)
        );
    }

    #[test]
    fn wrong_password_is_no_lost_login() {
        let no = StatusCode::UNAUTHORIZED;
        assert_eq!(
            RequestResult::of_refusal(no, false, Call::LogIn),
            RequestResult::Status(401)
        );
        assert_eq!(
            RequestResult::of_refusal(no, false, Call::List),
            RequestResult::LoginLost
        );
    }
}
