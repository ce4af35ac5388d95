//! Request credentials. For a client, the kind of credential is the whole difference between
//! the designs.

use api_contract::LoginRequest;
use api_contract::headers::SESSION_ID;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use reqwest::RequestBuilder;

/// The credential that a client sends with each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A session id, which only a server that stores the session accepts.
    Session(Secret),
    /// A signed token, which every server with the key accepts.
    Bearer(Secret),
    /// User name and password (Basic).
    Basic(LoginRequest),
    /// No credential.
    None,
}

impl Credential {
    /// Adds the credential to a request.
    pub fn apply_to(&self, request: RequestBuilder) -> RequestBuilder {
        match self.header() {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }

    /// The header with the credential, marked as sensitive so that debug output hides its value;
    /// `None` for [`Credential::None`], or if a forged credential is not a valid header value.
    #[must_use]
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Self::Session(id) => {
                (HeaderName::from_static(SESSION_ID), id.expose().to_owned())
            }
            Self::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.expose())),
            Self::Basic(LoginRequest { username, password }) => {
                let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            Self::None => return None,
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }
}
