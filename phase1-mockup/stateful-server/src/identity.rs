//! Authentication: looks up the session of the request.

use crate::error::Error;
use crate::sessions::SessionId;
use crate::state::AppState;
use axum::extract::FromRequestParts;
use http::request::Parts;
use upload_domain::username::Username;

/// The caller: the account of the session.
pub(crate) struct Caller {
    pub(crate) username: Username,
    pub(crate) session: SessionId,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Error> {
        let session =
            SessionId::from_headers(&parts.headers).ok_or(Error::NoSessionId)?;
        let username = app.sessions.touch(&session)?;
        Ok(Self { username, session })
    }
}
