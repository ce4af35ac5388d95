//! Requests to the program under test. Each is written into the transcript as a `curl`
//! command together with its reply. Nothing is retried and nothing is followed.

pub use crate::reply::{NoAnswer, Reply};

use crate::stop::Stop;
use crate::transcript::Transcript;
use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Client;
use serde_json::Value;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// The longest that an answer may take: far beyond what any exercise needs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a reply beyond which it is not read.
const LARGEST: usize = 4 << 20;

pub(crate) fn new_client() -> anyhow::Result<Client> {
    http_edge::crypto::choose();
    let builder = Client::builder().timeout(PATIENCE).no_proxy();
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    // A connection of its own for each request: a balancer chooses a replica for each.
    let builder = builder.retry(reqwest::retry::never()).pool_max_idle_per_host(0);
    builder.build().context("cannot make an HTTP client")
}

/// A request that has not been sent.
#[derive(Debug)]
pub struct Call {
    http: Client,
    transcript: Transcript,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    unseen: bool,
}

impl Call {
    pub(crate) fn new(
        http: Client,
        transcript: Transcript,
        method: Method,
        url: String,
    ) -> Self {
        let headers = Vec::new();
        Self { http, transcript, method, url, headers, body: None, unseen: false }
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

    /// The body, as JSON.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self.header("Content-Type", "application/json")
    }

    /// The body, as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Leaves it out of the story, where it is one of many that happen at the same time. It
    /// is still counted.
    #[must_use]
    pub const fn unseen(mut self) -> Self {
        self.unseen = true;
        self
    }

    /// Sends it. No answer is the program's fault here; see [`Call::try_send`].
    ///
    /// # Errors
    /// [`Stop::Failed`] when no complete answer comes in time.
    pub async fn send(self) -> Result<Reply, Stop> {
        let what = format!("{} {}", self.method, path_of(&self.url));
        self.try_send().await?.map_err(|none| {
            let help = "look at what the program wrote (below): did it panic, is it \
                        waiting for a lock, does it still run?";
            let expected = format!("an answer to {what}");
            if none.by_clock() {
                Stop::too_slow(expected, none.0, help)
            } else {
                Stop::failed(expected, none.0, help)
            }
        })
    }

    /// Sends it, where it is no surprise that nothing answers.
    ///
    /// # Errors
    /// [`Stop::Broken`] when the request itself makes no sense.
    pub async fn try_send(self) -> Result<Result<Reply, NoAnswer>, Stop> {
        let curl = self.curl();
        let mut request = self.http.request(self.method, &self.url);
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str()).context("a header's name")?;
            // An id that the program made up may hold anything.
            let Ok(value) = HeaderValue::try_from(value.as_str()) else {
                let help = "what goes into a header has to be printable ASCII";
                let expected = format!("a value that can be sent in {name}");
                return Err(Stop::failed(expected, format!("{value:?}"), help));
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
        if !self.unseen {
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
        // A shell takes what follows `&` for another command.
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

/// For a POSIX shell.
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
        if body.len() > LARGEST {
            return Err(NoAnswer("an answer without end".to_owned()));
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
    async fn an_unseen_request_is_counted_and_not_told() {
        let (http, transcript) = (new_client().expect("a client"), Transcript::default());
        // Nobody listens there: no answer is counted as well.
        let url = "http://127.0.0.1:1/".to_owned();
        let call = Call::new(http, transcript.clone(), Method::GET, url).unseen();
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
    fn the_path_of_a_url_is_what_follows_the_host() {
        assert_eq!(path_of("http://127.0.0.1:80/a/b"), "/a/b");
        assert_eq!(path_of("http://127.0.0.1:80"), "/");
    }
}
