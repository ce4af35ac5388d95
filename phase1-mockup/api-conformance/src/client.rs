//! The HTTP client of tests and demonstrations.
//!
//! It has no retries, no redirects and no proxies, and cookies and connection reuse are
//! optional, because each of them would hide the behaviour of a server or a balancer. The calls
//! of the contract are in `calls`.

use crate::call_result::{CallError, Reply};
use crate::cookies::CookieJar;
use bytes::Bytes;
use http::Method;
use http::header::COOKIE;
use reqwest::RequestBuilder;
use std::sync::Arc;
use std::time::Duration;

/// The options of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The timeout of one call, from connecting to the last byte.
    pub timeout: Duration,
    /// Store cookies and send them back.
    pub keep_cookies: bool,
    /// Send several requests over one connection. Without it, a balancer selects a replica for
    /// each request.
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
    /// A client without cookies for a base URL such as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self::with(base_url, Options::default())
    }

    /// A client that shares a cookie jar with other clients.
    #[must_use]
    pub fn sharing(base_url: &str, jar: CookieJar) -> Self {
        Self { jar: Some(jar), ..Self::new(base_url) }
    }

    /// A client with options.
    ///
    /// # Panics
    /// When the HTTP library cannot be initialised.
    #[must_use]
    pub fn with(base_url: &str, options: Options) -> Self {
        let idle = if options.reuse_connections { usize::MAX } else { 0 };
        http_edge::crypto::install_provider();
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            .pool_max_idle_per_host(idle)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .expect("a client can be built");
        Self {
            base_url: Arc::from(base_url.trim_end_matches('/')),
            http,
            jar: options.keep_cookies.then(CookieJar::default),
        }
    }

    /// The base URL.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The cookie jar, if the client keeps cookies.
    #[must_use]
    pub const fn cookies(&self) -> Option<&CookieJar> {
        self.jar.as_ref()
    }

    /// Starts a request without a credential.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match self.jar.as_ref().and_then(CookieJar::header) {
            Some(cookies) => request.header(COOKIE, cookies),
            None => request,
        }
    }

    /// Sends a request and reads the whole reply, with any status.
    ///
    /// # Errors
    /// When there is no complete reply.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply<Bytes>, CallError> {
        let response = request.send().await.map_err(no_answer)?;
        if let Some(jar) = &self.jar {
            jar.store(response.headers());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        match response.bytes().await {
            Ok(body) => Ok(Reply { status, headers, body }),
            Err(error) if error.is_timeout() => Err(no_answer(error)),
            Err(error) => Err(CallError::Truncated {
                status,
                served_by: Reply { status, headers, body: () }
                    .served_by()
                    .map(str::to_owned),
                cause: error.without_url(),
            }),
        }
    }
}

/// Removes the URL, because errors are printed and a URL may contain a password.
fn no_answer(error: reqwest::Error) -> CallError {
    CallError::NoResponse(error.without_url())
}
