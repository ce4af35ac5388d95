//! Requests to the program under test. Each is recorded in the transcript as a `curl`
//! command with its reply. Requests are not retried and redirects are not followed.

pub use crate::reply::{NoAnswer, Reply};

use crate::check_error::CheckError;
use crate::transcript::Transcript;
use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Client;
use serde_json::Value;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Maximum time for a complete reply. It is far longer than any exercise needs.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a reply body, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;

pub(crate) fn new_client() -> anyhow::Result<Client> {
    http_edge::crypto::install_provider();
    let builder = Client::builder().timeout(REQUEST_TIMEOUT).no_proxy();
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    // A new connection for each request, so that the balancer chooses a replica each
    // time.
    let builder = builder.retry(reqwest::retry::never()).pool_max_idle_per_host(0);
    builder.build().context("cannot create an HTTP client")
}

/// A request that has not been sent yet.
#[derive(Debug)]
pub struct Call {
    http: Client,
    transcript: Transcript,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    quiet: bool,
}

impl Call {
    pub(crate) fn new(
        http: Client,
        transcript: Transcript,
        method: Method,
        url: String,
    ) -> Self {
        let headers = Vec::new();
        Self { http, transcript, method, url, headers, body: None, quiet: false }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self.header("Content-Type", "application/json")
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
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
        let what = format!("{} {}", self.method, path_of(&self.url));
        self.try_send().await?.map_err(|none| {
            let help = "look at the program's log (below): did it panic, does it wait \
                        for a lock, is it still running?";
            let expected = format!("a reply to {what}");
            if none.timed_out() {
                CheckError::timed_out(expected, none.0, help)
            } else {
                CheckError::failed(expected, none.0, help)
            }
        })
    }

    /// Sends it. A missing reply is a value, not an error.
    ///
    /// # Errors
    /// [`CheckError::Harness`] when the request is invalid.
    pub async fn try_send(self) -> Result<Result<Reply, NoAnswer>, CheckError> {
        let curl = self.curl();
        let mut request = self.http.request(self.method, &self.url);
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str()).context("a header's name")?;
            // An id that the program generated may contain any byte.
            let Ok(value) = HeaderValue::try_from(value.as_str()) else {
                let help = "a header value must be printable ASCII";
                let expected = format!("a valid value for the header {name}");
                return Err(CheckError::failed(expected, format!("{value:?}"), help));
            };
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let began = Instant::now();
        let answer = read(request).await;
        let took = began.elapsed();
        let shown = match &answer {
            Ok((status, _, body)) => {
                format!("{} {}", status.as_u16(), String::from_utf8_lossy(body))
            }
            Err(none) => none.0.clone(),
        };
        if !self.quiet {
            self.transcript.exchange(&curl, &shown);
        }
        self.transcript.count(took);
        let at = (began, began + took);
        Ok(answer.map(|(status, headers, body)| Reply {
            status,
            headers,
            body,
            at,
            curl,
        }))
    }

    fn curl(&self) -> String {
        let mut line = "curl -sS".to_owned();
        let usual = if self.body.is_some() { Method::POST } else { Method::GET };
        if self.method != usual {
            let _infallible = write!(line, " -X {}", self.method);
        }
        // A shell interprets `&` as the end of a command.
        let query = self.url.contains('?');
        let url = if query { quoted(&self.url) } else { self.url.clone() };
        let _infallible = write!(line, " {url}");
        for (name, value) in &self.headers {
            let _infallible = write!(line, " -H {}", quoted(&format!("{name}: {value}")));
        }
        if let Some(body) = &self.body {
            let _infallible = write!(line, " -d {}", quoted(body));
        }
        line
    }
}

/// Quotes a text for a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or("/", |at| &url[host + at..])
}

type Read = (StatusCode, HeaderMap, Vec<u8>);

async fn read(request: reqwest::RequestBuilder) -> Result<Read, NoAnswer> {
    let mut reply = request.send().await.map_err(|error| NoAnswer::of(&error))?;
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| NoAnswer::of(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY_BYTES {
            return Err(NoAnswer("the reply is longer than 4 MiB".to_owned()));
        }
    }
    Ok((reply.status(), reply.headers().clone(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_body_survives_the_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[tokio::test]
    async fn quiet_request_is_counted_but_not_in_the_transcript() {
        let (http, transcript) = (new_client().expect("a client"), Transcript::default());
        // No server listens on this port: a failed request is counted as well.
        let url = "http://127.0.0.1:1/".to_owned();
        let call = Call::new(http, transcript.clone(), Method::GET, url).quiet();
        assert!(call.try_send().await.expect("a request").is_err());
        assert_eq!((transcript.lines().len(), transcript.cost().0), (0, 1));
    }

    #[test]
    fn an_address_with_a_query_survives_the_shell() {
        let http = new_client().expect("a client");
        let url = "http://127.0.0.1:80/a?b=1&c=2".to_owned();
        let call = Call::new(http, Transcript::default(), Method::GET, url);
        assert_eq!(call.curl(), "curl -sS 'http://127.0.0.1:80/a?b=1&c=2'");
    }

    #[test]
    fn path_of_a_url_starts_after_the_host() {
        assert_eq!(path_of("http://127.0.0.1:80/a/b"), "/a/b");
        assert_eq!(path_of("http://127.0.0.1:80"), "/");
    }
}
