//! The target of the checks: a base URL, two accounts, and the authentication scheme.

use crate::client::Client;
use crate::cookies::CookieJar;
use crate::credential::Credential;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::{LoginRequest, paths};

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

/// A server to check. The checks create and delete files of both accounts, and expect that no
/// other client does so at the same time.
#[derive(Clone, Debug)]
pub struct Target {
    /// The base URL, such as `http://127.0.0.1:8080`.
    pub base_url: String,
    /// The first account.
    pub alice: LoginRequest,
    /// The second account.
    pub bob: LoginRequest,
    /// The authentication scheme.
    pub auth_scheme: AuthScheme,
    /// The upload limit in bytes; more than 1 MiB.
    pub max_upload: usize,
    /// The cookie jar that all clients share, as the tabs of one browser do; [`None`] for clients
    /// without cookies.
    pub cookies: Option<CookieJar>,
}

impl Target {
    /// A new client for the target.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.cookies {
            Some(jar) => Client::sharing(&self.base_url, jar.clone()),
            None => Client::new(&self.base_url),
        }
    }

    /// Obtains a credential with the authentication scheme of the server.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn sign_in(&self, given: &LoginRequest) -> anyhow::Result<Credential> {
        let client = self.client();
        Ok(match self.auth_scheme {
            AuthScheme::Session => {
                let started = client.log_in_session(given).await.done()?;
                Credential::Session(started.body.session_id)
            }
            AuthScheme::Token => {
                let issued = client.token(given).await.done()?;
                Credential::Bearer(issued.body.access_token)
            }
            AuthScheme::Basic => Credential::Basic(given.clone()),
        })
    }

    /// A client and a credential of alice, with which most checks start.
    ///
    /// # Errors
    /// When alice cannot log in.
    pub async fn as_alice(&self) -> anyhow::Result<(Client, Credential)> {
        Ok((self.client(), self.sign_in(&self.alice).await?))
    }

    /// Checks that a credential is accepted.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn accepts(&self, credential: &Credential) -> anyhow::Result<()> {
        self.client().list(credential, &ListQuery::default()).await.done()?;
        Ok(())
    }

    /// Checks that a credential is refused with this kind of problem.
    ///
    /// # Errors
    /// When it is accepted, or refused with another problem.
    pub async fn refuses(
        &self,
        credential: &Credential,
        kind: ProblemKind,
    ) -> anyhow::Result<()> {
        let listing = self.client().list(credential, &ListQuery::default()).await;
        listing.refused_as(kind)?;
        Ok(())
    }
}
