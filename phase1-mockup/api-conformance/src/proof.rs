//! How a request says who is calling. The whole difference between the designs, as a
//! client sees it, is which of these it sends.

use api_contract::Credentials;
use api_contract::headers::SESSION_ID;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use reqwest::RequestBuilder;

/// What a client sends with each request to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A session id: means something only to a server that remembers it.
    Session(Secret),
    /// A signed token: means the same to every server that has the key.
    Bearer(Secret),
    /// Name and password, each time anew.
    Basic(Credentials),
    /// Nothing.
    None,
}

impl Proof {
    /// Puts it on a request.
    pub fn put_on(&self, request: RequestBuilder) -> RequestBuilder {
        match self.header() {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    }

    /// The header that carries it, marked so that no debug output shows its value;
    /// `None` when there is none, or when a made-up proof does not fit into a header.
    #[must_use]
    pub fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, text) = match self {
            Self::Session(id) => {
                (HeaderName::from_static(SESSION_ID), id.expose().to_owned())
            }
            Self::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.expose())),
            Self::Basic(Credentials { username, password }) => {
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
