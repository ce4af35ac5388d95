//! Which sites' pages may call: CSRF and CORS.
//!
//! A browser sends our cookie along with whatever page asks for it, and says which page
//! that is: in `Origin`, or in `Sec-Fetch-Site`. A page cannot lie about either (OWASP
//! Cross-Site Request Forgery Prevention, "Using Standard Headers"; ASVS 3.5.1). So:
//!
//! - What changes something and comes from a page of a foreign site is refused, with any
//!   proof and with none: a login can be forged too.
//! - What changes something and has the cookie as its proof must say where it comes from.
//! - What comes without the cookie and says nothing is no browser's, and passes.
//!
//! The CORS layer of tower-http answers every `OPTIONS`, tus' own included, and names no
//! replica; the few headers that are needed are written here.

mod cors;
mod site;

pub(crate) use site::Site;

use crate::cookies::Cookies;
use anyhow::{Context, bail};
use api_contract::headers::SESSION_ID;
use api_contract::problem::ProblemKind;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http_edge::refusal::Refusal;
use std::sync::Arc;
use url::Url;

/// Which sites' pages may call this server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Arc<Listed>);

#[derive(Debug)]
struct Listed {
    /// Our own, where it is known from the start; else it is what the client calls us.
    own: Option<String>,
    allowed: Vec<String>,
}

impl Origins {
    /// Those of the command line.
    ///
    /// # Errors
    /// When one of them is no origin, such as `https://app.test`; `*` is none.
    pub(crate) fn new(
        public_url: Option<&str>,
        allowed: &[String],
    ) -> anyhow::Result<Self> {
        let own =
            public_url.map(|url| origin(url).context("--public-url")).transpose()?;
        let allowed = allowed.iter().map(|url| origin(url).context("--origin"));
        let allowed = allowed.collect::<anyhow::Result<_>>()?;
        Ok(Self(Arc::new(Listed { own, allowed })))
    }

    /// Refuses what a foreign page sends in a user's name.
    ///
    /// # Errors
    /// With `foreign-origin`.
    pub(crate) fn vouch(
        &self,
        request: &http::request::Parts,
        cookies: &Cookies,
    ) -> Result<(), Refusal> {
        let refusal = Refusal::new(ProblemKind::ForeignOrigin);
        match Site::of(request, self) {
            Site::Own | Site::Allowed(_) => Ok(()),
            Site::Foreign => Err(refusal.detail(
                "The page that sent this belongs to a site that may not. Its site can be \
                 allowed with --origin.",
            )),
            Site::Unsaid if cookie_is_proof(&request.headers, cookies) => Err(refusal
                .detail(
                    "With the cookie, say where this comes from: Origin, or \
                     Sec-Fetch-Site. Or send X-Session-ID in place of the cookie.",
                )),
            Site::Unsaid => Ok(()),
        }
    }
}

/// A page can send a cookie without knowing it; a header it has to know.
fn cookie_is_proof(headers: &HeaderMap, cookies: &Cookies) -> bool {
    cookies.came_with(headers) && !headers.contains_key(SESSION_ID)
}

/// A site as a browser writes it: scheme, host, and the port unless it is the usual one
/// (RFC 6454 §6.1).
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

/// The middleware: what a foreign page sends is refused, and what a page may read of the
/// reply, a refusal included, it is told.
pub(crate) async fn guard(
    State((origins, cookies)): State<(Origins, Cookies)>,
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
        match origins.vouch(&parts, &cookies) {
            Ok(()) => next.run(Request::from_parts(parts, body)).await,
            Err(refusal) => refusal.into_response(),
        }
    };
    cors::allow(&mut reply, &site, &origins);
    reply
}

#[cfg(test)]
mod tests;
