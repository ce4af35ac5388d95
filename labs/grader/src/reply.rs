//! What came back from the program under test, or why nothing did.

use crate::client::PATIENCE;
use crate::stop::Stop;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How the reason begins when nothing came in time.
const TOO_LATE: &str = "no answer within";

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub String);

impl NoAnswer {
    pub(crate) fn by_clock(&self) -> bool {
        self.0.starts_with(TOO_LATE)
    }

    pub(crate) fn of(error: &reqwest::Error) -> Self {
        Self(if error.is_timeout() {
            format!("{TOO_LATE} {} s", PATIENCE.as_secs())
        } else if error.is_connect() {
            "connection refused: nothing listens there".to_owned()
        } else {
            "the connection was closed without a complete answer".to_owned()
        })
    }
}

/// A reply that has been read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// When the request was about to be sent, and when the reply had been read: whatever
    /// the program did, it did between these two.
    pub at: (Instant, Instant),
    pub(crate) curl: String,
}

impl Reply {
    /// Goes on when the status is this one.
    ///
    /// # Errors
    /// [`Stop::Failed`] with `help` when it is another.
    pub fn expect(self, status: u16, help: &str) -> Result<Self, Stop> {
        if self.status.as_u16() == status {
            return Ok(self);
        }
        Err(Stop::failed(format!("status {status}"), self.shown(), help))
    }

    /// Goes on when the status is this one, in a time that the program allows for: a reply
    /// that took `limit` or longer may be another because of a machine that is too busy.
    ///
    /// # Errors
    /// [`Stop::Failed`] with `help` when it is another; [`Stop::Unsure`] when that came
    /// after the limit.
    pub fn expect_unless_slow(
        self,
        status: u16,
        limit: Duration,
        help: &str,
    ) -> Result<Self, Stop> {
        let took = self.at.1.saturating_duration_since(self.at.0);
        let other = self.status.as_u16() != status;
        if other && took >= limit {
            return Err(Stop::unsure(format!(
                "this machine was too busy: what should take no time took {} ms ({})",
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

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text in the body's JSON object, such as the new session's id.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it is not there.
    pub fn field(&self, name: &str) -> Result<String, Stop> {
        let json = self.json();
        let text = json.get(name).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| {
            let expected = format!("a JSON object with the text \"{name}\"");
            Stop::failed(
                expected,
                self.shown(),
                "this part of the starter is finished: was it changed?",
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

    fn reply(status: StatusCode, took: Duration) -> Reply {
        let began = Instant::now();
        let (headers, body, curl) = (HeaderMap::new(), Vec::new(), String::new());
        Reply { status, headers, body, at: (began, began + took), curl }
    }

    #[test]
    fn a_refusal_counts_only_if_it_did_not_take_as_long_as_the_limit() {
        let limit = Duration::from_millis(250);
        let quick = Duration::from_millis(249);
        let seen = |status, took| reply(status, took).expect_unless_slow(200, limit, "");
        let failed = seen(StatusCode::SERVICE_UNAVAILABLE, quick);
        assert!(matches!(failed, Err(Stop::Failed(_))));
        let unsure = seen(StatusCode::SERVICE_UNAVAILABLE, limit);
        assert!(matches!(unsure, Err(Stop::Unsure(_))));
        assert!(seen(StatusCode::OK, limit * 2).is_ok(), "late, and right");
    }
}
