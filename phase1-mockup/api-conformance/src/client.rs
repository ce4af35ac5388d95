//! The scripted client: what tests and the demonstration talk to servers with.
//!
//! It adds nothing of its own: no retries, no redirects, no proxies, and cookies and
//! connection reuse only as asked for, because each of them would hide what a server or
//! a balancer does. The calls themselves are in `calls`.

use crate::cookies::CookieJar;
use crate::outcome::{Broken, Reply};
use bytes::Bytes;
use http::Method;
use http::header::COOKIE;
use reqwest::RequestBuilder;
use std::sync::Arc;
use std::time::Duration;

/// How a client behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The longest that one call may take, from connecting to the last byte.
    pub timeout: Duration,
    /// Remember cookies and send them back.
    pub keep_cookies: bool,
    /// Send several requests over one connection. Without it, a balancer chooses a
    /// replica for each request anew.
    pub reuse_connections: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            keep_cookies: false,
            reuse_connections: true,
        }
    }
}

/// A client of one base URL. Clones share connections and cookies.
#[derive(Clone, Debug)]
pub struct Client {
    base_url: Arc<str>,
    http: reqwest::Client,
    jar: Option<CookieJar>,
}

impl Client {
    /// A client without cookies, such as `http://127.0.0.1:8080` asks for.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self::with(base_url, Options::default())
    }

    /// A client that keeps its cookies where others keep theirs.
    #[must_use]
    pub fn sharing(base_url: &str, jar: CookieJar) -> Self {
        Self { jar: Some(jar), ..Self::new(base_url) }
    }

    /// A client with options.
    ///
    /// # Panics
    /// When the system cannot give the HTTP library what it starts with.
    #[must_use]
    pub fn with(base_url: &str, options: Options) -> Self {
        let idle = if options.reuse_connections { usize::MAX } else { 0 };
        http_edge::crypto::choose();
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            .pool_max_idle_per_host(idle)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .expect("a client without TLS has nothing to fail on");
        Self {
            base_url: Arc::from(base_url.trim_end_matches('/')),
            http,
            jar: options.keep_cookies.then(CookieJar::default),
        }
    }

    /// Where it sends its requests.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Its cookies, if it keeps any.
    #[must_use]
    pub const fn cookies(&self) -> Option<&CookieJar> {
        self.jar.as_ref()
    }

    /// Begins a request that has no call of its own.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match self.jar.as_ref().and_then(CookieJar::header) {
            Some(cookies) => request.header(COOKIE, cookies),
            None => request,
        }
    }

    /// Sends a request and reads the answer whole, whatever it says.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply<Bytes>, Broken> {
        let response = request.send().await.map_err(no_answer)?;
        if let Some(jar) = &self.jar {
            jar.remember(response.headers());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) => Ok(Reply { status, headers, body }),
            Err(error) if error.is_timeout() => Err(no_answer(error)),
            Err(error) => Err(Broken::CutShort {
                status,
                served_by: Reply { status, headers, body: () }
                    .served_by()
                    .map(str::to_owned),
                cause: error.without_url(),
            }),
        }
    }
}

/// An error is printed, and a URL may hold a password.
fn no_answer(error: reqwest::Error) -> Broken {
    Broken::NoAnswer(error.without_url())
}
