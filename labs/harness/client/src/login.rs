//! Login and logout in every scheme: a password for a session or a token, and its end.

use crate::auth_scheme::AuthScheme;
use crate::call_result::CallResult;
use crate::client::Client;
use crate::credential::Credential;
use api_contract::secret::Secret;
use api_contract::sessions::SessionStarted;
use api_contract::tokens::TokenIssued;
use api_contract::{LoginRequest, Message};

/// The result of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The credential of the next requests.
    pub credential: Credential,
    /// The token for the next credential, if the server issues one.
    pub refresh_token: Option<Secret>,
}

impl From<SessionStarted> for Login {
    fn from(started: SessionStarted) -> Self {
        Self { credential: Credential::Session(started.session_id), refresh_token: None }
    }
}

impl From<TokenIssued> for Login {
    fn from(issued: TokenIssued) -> Self {
        let credential = Credential::Bearer(issued.access_token);
        Self { credential, refresh_token: issued.refresh_token }
    }
}

impl Client {
    /// Exchanges a password for a session or a token. A server that accepts Basic issues
    /// tokens, too.
    pub async fn log_in(
        &self,
        auth_scheme: AuthScheme,
        given: &LoginRequest,
    ) -> CallResult<Login> {
        match auth_scheme {
            AuthScheme::Session => self.log_in_session(given).await.map(Login::from),
            AuthScheme::Token | AuthScheme::Basic => {
                self.token(given).await.map(Login::from)
            }
        }
    }

    /// Ends a session, or revokes a token.
    pub async fn log_out(&self, credential: &Credential) -> CallResult<Message> {
        match credential {
            Credential::Bearer(token) => self.revoke(token).await,
            _ => self.end_session(credential).await,
        }
    }
}
