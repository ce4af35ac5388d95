//! Authentication: verifies the credential of the request.

use crate::error::Error;
use crate::state::AppState;
use axum::extract::{FromRequestParts, Query};
use axum_extra::TypedHeader;
use axum_extra::headers::Authorization;
use axum_extra::headers::authorization::{Basic, Bearer};
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Deserialize;
use upload_domain::username::Username;

/// The caller: the account of the credential.
pub(crate) struct Caller {
    pub(crate) username: Username,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        let username = match from_query(parts, app.credentials_in_url) {
            Some(given) => app.accounts.log_in(&given.username, &given.password).await?,
            None => from_header(parts, app).await?,
        };
        Ok(Self { username })
    }
}

/// The credential in the `Authorization` header: a token (RFC 6750) or a password (RFC 7617).
async fn from_header(parts: &mut Parts, app: &AppState) -> Result<Username, Error> {
    type Header<Scheme> = TypedHeader<Authorization<Scheme>>;
    if !parts.headers.contains_key(AUTHORIZATION) {
        return Err(Error::NoCredential);
    }
    if let Ok(token) = Header::<Bearer>::from_request_parts(parts, app).await {
        return Ok(app.tokens.check(token.token())?);
    }
    let password = Header::<Basic>::from_request_parts(parts, app).await;
    let given = password.map_err(|_invalid| Error::NoCredential)?;
    Ok(app.accounts.log_in(given.username(), given.password()).await?)
}

/// Credentials in the query. URLs are stored in logs and histories, also of other sites.
#[derive(Deserialize)]
struct QueryCredentials {
    username: String,
    password: String,
}

/// `None` without the flag that allows them: such a request has been refused before.
fn from_query(parts: &Parts, allowed: bool) -> Option<QueryCredentials> {
    let given = allowed.then(|| Query::try_from_uri(&parts.uri).ok()).flatten();
    given.map(|Query(given)| given)
}
