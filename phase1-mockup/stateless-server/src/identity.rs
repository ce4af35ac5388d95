//! Who is calling? Known, because the request says so and proves it.

use crate::app::AppState;
use crate::error::Error;
use axum::extract::{FromRequestParts, Query};
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::{Basic, Bearer};
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Deserialize;
use upload_domain::username::Username;

/// The caller: whoever this request proves to come from.
pub(crate) struct Caller {
    pub(crate) username: Username,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        let username = match in_url(parts, app.credentials_in_url)? {
            Some(given) => app.accounts.log_in(&given.username, &given.password).await?,
            None => in_header(parts, app).await?,
        };
        Ok(Self { username })
    }
}

/// The proof that belongs in a request: a token (RFC 6750), or a password (RFC 7617).
async fn in_header(parts: &mut Parts, app: &AppState) -> Result<Username, Error> {
    type Header<Scheme> = TypedHeader<Authorization<Scheme>>;
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(Error::NoProof);
    }
    if let Ok(token) = Header::<Bearer>::from_request_parts(parts, app).await {
        return Ok(app.tokens.check(token.token())?);
    }
    let password = Header::<Basic>::from_request_parts(parts, app).await;
    let given = password.map_err(|_unreadable| Error::NoProof)?;
    Ok(app.accounts.log_in(given.username(), given.password()).await?)
}

/// A password in a URL ends up in logs, histories and other sites' logs.
#[derive(Deserialize)]
struct InUrl {
    username: String,
    password: String,
}

fn in_url(parts: &Parts, allowed: bool) -> Result<Option<InUrl>, Error> {
    let query = parts.uri.query().unwrap_or_default();
    let names_one = query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name == "username" || name == "password"
    });
    if names_one && !allowed {
        return Err(Error::CredentialsInQuery);
    }
    let given = Query::<InUrl>::try_from_uri(&parts.uri);
    Ok(given.ok().filter(|_| names_one).map(|Query(given)| given))
}
