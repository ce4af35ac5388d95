//! A reply of the program under test, or the reason why there is none.

use crate::check_error::CheckError;
use bytes::Bytes;
use client::CallError;
use serde_json::Value;
use std::ops::Deref;
use std::time::{Duration, Instant};

/// Maximum time for a complete reply. It is far longer than any exercise needs.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no reply, for a student.
#[must_use]
pub fn no_reply_reason(error: &CallError) -> String {
    match error {
        error if timed_out(error) => {
            format!("no reply within {} s", REQUEST_TIMEOUT.as_secs())
        }
        CallError::NoResponse(cause) if cause.is_connect() => {
            "connection refused: no process listens on this port".to_owned()
        }
        CallError::ContractViolation { problem, .. } => problem.clone(),
        CallError::NoResponse(_) | CallError::Truncated { .. } => {
            "the connection was closed before the reply was complete".to_owned()
        }
    }
}

/// Whether the maximum time has passed.
pub(crate) fn timed_out(error: &CallError) -> bool {
    matches!(error, CallError::NoResponse(cause) if cause.is_timeout())
}

/// A complete reply, its time and its request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) reply: client::Reply<Bytes>,
    /// The time just before the request was sent and the time when the reply had been
    /// read. The program processed the request between these two.
    pub at: (Instant, Instant),
    pub(crate) curl: String,
}

/// Status, headers and body.
impl Deref for Reply {
    type Target = client::Reply<Bytes>;

    fn deref(&self) -> &Self::Target {
        &self.reply
    }
}

impl Reply {
    /// Returns the reply if it has this status.
    ///
    /// # Errors
    /// [`CheckError::Failed`] with `help` when it has another status.
    pub fn expect(self, status: u16, help: &str) -> Result<Self, CheckError> {
        if self.status.as_u16() == status {
            return Ok(self);
        }
        Err(CheckError::failed(format!("status {status}"), self.shown(), help))
    }

    /// Returns the reply if it has this status. A reply that took `limit` or longer may
    /// have another status because the machine was too busy.
    ///
    /// # Errors
    /// [`CheckError::Failed`] with `help` when it is another; [`CheckError::Inconclusive`] when that came
    /// after the limit.
    pub fn expect_unless_slow(
        self,
        status: u16,
        limit: Duration,
        help: &str,
    ) -> Result<Self, CheckError> {
        let took = self.at.1.saturating_duration_since(self.at.0);
        let other = self.status.as_u16() != status;
        if other && took >= limit {
            return Err(CheckError::inconclusive(format!(
                "this machine was too busy: a request that should be fast took {} ms \
                 ({})",
                took.as_millis(),
                self.shown()
            )));
        }
        self.expect(status, help)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A string member of the body's JSON object, such as the new session's id.
    ///
    /// # Errors
    /// [`CheckError::Failed`] when it is missing.
    pub fn field(&self, name: &str) -> Result<String, CheckError> {
        let json = self.json();
        let text = json.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| {
            let expected = format!("a JSON object with the string member \"{name}\"");
            CheckError::failed(
                expected,
                self.shown(),
                "this part of the starter was finished: did you change it?",
            )
        })
    }

    /// The status and the beginning of the body, as a line.
    #[must_use]
    pub fn shown(&self) -> String {
        let line = format!("{} {}", self.status.as_u16(), self.text());
        crate::transcript::shortened(line.trim())
    }

    /// The command that repeats the request.
    #[must_use]
    pub fn curl(&self) -> &str {
        &self.curl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, StatusCode};

    fn reply(status: StatusCode, took: Duration) -> Reply {
        let began = Instant::now();
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let reply = client::Reply { status, headers, body };
        Reply { reply, at: (began, began + took), curl: String::new() }
    }

    #[test]
    fn refusal_slower_than_the_limit_is_inconclusive() {
        let limit = Duration::from_millis(250);
        let quick = Duration::from_millis(249);
        let seen = |status, took| reply(status, took).expect_unless_slow(200, limit, "");
        let failed = seen(StatusCode::SERVICE_UNAVAILABLE, quick);
        assert!(matches!(failed, Err(CheckError::Failed(_))));
        let unsure = seen(StatusCode::SERVICE_UNAVAILABLE, limit);
        assert!(matches!(unsure, Err(CheckError::Inconclusive(_))));
        assert!(seen(StatusCode::OK, limit * 2).is_ok(), "late, and right");
    }
}
