//! The authentication scheme of a server.

use api_contract::design::Design;
use api_contract::paths;

/// The authentication scheme of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthScheme {
    /// Sessions: log in once, then send the session id.
    Session,
    /// Tokens: log in once, then send the signed token.
    Token,
    /// Basic: send the password with each request.
    Basic,
}

impl AuthScheme {
    /// The path of the login. A server that accepts Basic also issues tokens.
    #[must_use]
    pub const fn login_path(self) -> &'static str {
        match self {
            Self::Session => paths::SESSION_START,
            Self::Token | Self::Basic => paths::TOKEN,
        }
    }
}

impl From<Design> for AuthScheme {
    fn from(design: Design) -> Self {
        if design.has_sessions() { Self::Session } else { Self::Token }
    }
}
