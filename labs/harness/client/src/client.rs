//! A client of one server: its base URL, its connections and its cookies.
//!
//! The calls of the contract are in `calls`, those of resumable uploads in `tus`.

use crate::call_result::{CallError, Reply};
use crate::cookies::CookieJar;
use crate::exchange::{read_body, read_head};
use crate::options::Options;
use bytes::Bytes;
use http::Method;
use http::header::COOKIE;
use reqwest::RequestBuilder;
use std::sync::Arc;

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
        Self {
            base_url: Arc::from(base_url.trim_end_matches('/')),
            http: options.build(),
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
        let response = read_head(request).await?;
        if let Some(jar) = &self.jar {
            jar.store(response.headers());
        }
        read_body(response, usize::MAX).await
    }
}
