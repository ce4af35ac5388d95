//! What came back from the program under test, or why nothing did.

use crate::client::PATIENCE;
use crate::stop::Stop;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::time::Instant;

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
