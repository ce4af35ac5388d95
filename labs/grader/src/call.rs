//! Requests to the program under test. Each is recorded in the transcript as a `curl`
//! command with its reply.

use crate::check_error::CheckError;
use crate::reply::{REQUEST_TIMEOUT, Reply, no_reply_reason, timed_out};
use crate::transcript::Transcript;
use anyhow::Context;
use client::{CallError, CurlStyle, Options, PrintedBody, PrintedRequest};
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use std::time::Instant;

/// Maximum size of a reply body, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;

/// An HTTP client of the balancer or a replica.
pub(crate) fn new_client() -> reqwest::Client {
    Options { timeout: REQUEST_TIMEOUT, ..Options::with_new_connections() }.build()
}

/// A request that has not been sent yet.
#[derive(Debug)]
pub struct Call {
    http: reqwest::Client,
    transcript: Transcript,
    request: PrintedRequest,
    quiet: bool,
}

impl Call {
    pub(crate) fn new(
        http: reqwest::Client,
        transcript: Transcript,
        method: Method,
        url: String,
    ) -> Self {
        let (headers, body) = (Vec::new(), PrintedBody::Empty);
        let request = PrintedRequest { method, url, headers, body };
        Self { http, transcript, request, quiet: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string()).header("Content-Type", "application/json")
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.request.body = PrintedBody::Text(body.into());
        self
    }

    /// Leaves the request out of the transcript, for one of many concurrent requests. It
    /// still counts in the statistics.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Sends it and treats a missing reply as a failure of the program; see
    /// [`Call::try_send`].
    ///
    /// # Errors
    /// [`CheckError::Failed`] when no complete reply arrives in time.
    pub async fn send(self) -> Result<Reply, CheckError> {
        let what = format!("{} {}", self.request.method, path_of(&self.request.url));
        self.try_send().await?.map_err(|error| {
            let help = "look at the program's log (below): did it panic, does it wait \
                        for a lock, is it still running?";
            let expected = format!("a reply to {what}");
            if timed_out(&error) {
                CheckError::timed_out(expected, no_reply_reason(&error), help)
            } else {
                CheckError::failed(expected, no_reply_reason(&error), help)
            }
        })
    }

    /// Sends it. A missing reply is a value, not an error.
    ///
    /// # Errors
    /// [`CheckError::Harness`] when the request is invalid.
    pub async fn try_send(self) -> Result<Result<Reply, CallError>, CheckError> {
        check_headers(&self.request.headers)?;
        let curl = self.request.curl(CurlStyle::Short);
        let began = Instant::now();
        let answer = self.request.send(&self.http, MAX_BODY_BYTES).await;
        let took = began.elapsed();
        let shown = match &answer {
            Ok(reply) => {
                let body = String::from_utf8_lossy(&reply.body);
                format!("{} {body}", reply.status.as_u16())
            }
            Err(error) => no_reply_reason(error),
        };
        if !self.quiet {
            self.transcript.exchange(&curl, &shown);
        }
        self.transcript.count(took);
        let at = (began, began + took);
        Ok(answer.map(|reply| Reply { reply, at, curl }))
    }
}

/// Checks that the headers can be sent. An id that the program generated may contain any byte.
fn check_headers(headers: &[(String, String)]) -> Result<(), CheckError> {
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str()).context("a header's name")?;
        if HeaderValue::try_from(value.as_str()).is_err() {
            let help = "a header value must be printable ASCII";
            let expected = format!("a valid value for the header {name}");
            return Err(CheckError::failed(expected, format!("{value:?}"), help));
        }
    }
    Ok(())
}

fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or("/", |at| &url[host + at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn quiet_request_is_counted_but_not_in_the_transcript() {
        let (http, transcript) = (new_client(), Transcript::default());
        // No server listens on this port: a failed request is counted as well.
        let url = "http://127.0.0.1:1/".to_owned();
        let call = Call::new(http, transcript.clone(), Method::GET, url).quiet();
        assert!(call.try_send().await.expect("a request").is_err());
        assert_eq!((transcript.lines().len(), transcript.cost().0), (0, 1));
    }

    #[test]
    fn path_of_a_url_starts_after_the_host() {
        assert_eq!(path_of("http://127.0.0.1:80/a/b"), "/a/b");
        assert_eq!(path_of("http://127.0.0.1:80"), "/");
    }
}
