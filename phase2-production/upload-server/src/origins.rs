//! Which sites may call this server from a browser: CSRF and CORS.
//!
//! A browser sends the session cookie with requests from any page. It also names the
//! page's site in `Origin` or `Sec-Fetch-Site`, which scripts cannot forge (OWASP
//! Cross-Site Request Forgery Prevention, "Using Standard Headers"; ASVS 3.5.1). So:
//!
//! - A state-changing request from a foreign site is refused, with or without a
//!   credential, because a login can be forged, too.
//! - A state-changing request that rests on the cookie must name its site. A login and an
//!   upload to a signed URL do not rest on it, nor does a request with a session header or a
//!   token.
//! - Any other request without these headers is not a browser's, and passes.
//!
//! The CORS layer of tower-http would answer every `OPTIONS`, including those of tus,
//! without the replica's header. So the few headers are written here.

mod cors;
mod site;

pub(crate) use site::Site;

use anyhow::{Context, bail};
use api_contract::problem::ProblemKind;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_edge::refusal::Refusal;
use std::sync::Arc;
use url::Url;

/// The sites that may call this server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Arc<AllowList>);

#[derive(Debug)]
struct AllowList {
    /// The server's own origin, if configured; otherwise it is derived from `Host`.
    own: Option<String>,
    allowed: Vec<String>,
}

impl Origins {
    /// Parses the origins of the command line.
    ///
    /// # Errors
    /// When a value is not an origin, such as `https://app.test`; `*` is not allowed.
    pub(crate) fn new(
        public_url: Option<&str>,
        allowed: &[String],
    ) -> anyhow::Result<Self> {
        let own =
            public_url.map(|url| origin(url).context("--public-url")).transpose()?;
        let allowed = allowed.iter().map(|url| origin(url).context("--origin"));
        let allowed = allowed.collect::<anyhow::Result<_>>()?;
        Ok(Self(Arc::new(AllowList { own, allowed })))
    }

    /// Refuses a request from a foreign site.
    ///
    /// # Errors
    /// With `foreign-origin`.
    pub(crate) fn check(&self, request: &http::request::Parts) -> Result<(), Refusal> {
        match Site::of(request, self) {
            Site::Own | Site::Allowed(_) | Site::Unknown => Ok(()),
            Site::Foreign => Err(Refusal::new(ProblemKind::ForeignOrigin).detail(
                "This site may not call this server. Start the server with --origin to \
                 allow it.",
            )),
        }
    }

    /// As [`Origins::check`], and refuses a request that does not name its site. For requests
    /// that rest on the cookie: a foreign page can make the browser send it, but cannot know
    /// the id for a header.
    ///
    /// # Errors
    /// With `foreign-origin`.
    pub(crate) fn check_named(
        &self,
        request: &http::request::Parts,
    ) -> Result<(), Refusal> {
        match Site::of(request, self) {
            Site::Unknown => Err(Refusal::new(ProblemKind::ForeignOrigin).detail(
                "A request with the cookie needs Origin or Sec-Fetch-Site. Or send \
                 X-Session-ID instead of the cookie.",
            )),
            _ => self.check(request),
        }
    }
}

/// An origin as browsers write it: scheme, host, and a non-default port (RFC 6454 §6.1).
fn origin(text: &str) -> anyhow::Result<String> {
    let advice = "write scheme and host, as in https://app.test";
    let url = Url::parse(text).with_context(|| format!("{text}: {advice}"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if !["http", "https"].contains(&url.scheme()) || !bare || !anonymous {
        bail!("{text}: {advice}");
    }
    Ok(url.origin().ascii_serialization())
}

/// Middleware: refuses forged requests, answers preflights, and adds CORS headers to
/// every reply, errors included.
pub(crate) async fn guard(
    State(origins): State<Origins>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let site = Site::of(&parts, &origins);
    let mut reply = if cors::is_preflight(&parts) {
        cors::preflight(&site)
    } else if parts.method.is_safe() {
        next.run(Request::from_parts(parts, body)).await
    } else {
        match origins.check(&parts) {
            Ok(()) => next.run(Request::from_parts(parts, body)).await,
            Err(refusal) => refusal.into_response(),
        }
    };
    cors::allow(&mut reply, &site, &origins);
    reply
}

#[cfg(test)]
mod tests;
