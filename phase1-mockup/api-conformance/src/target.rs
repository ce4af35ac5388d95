//! The target of the checks: a base URL, two accounts, and the authentication scheme.

use api_contract::LoginRequest;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::{AuthScheme, Client, CookieJar, Credential};

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
        if self.auth_scheme == AuthScheme::Basic {
            return Ok(Credential::Basic(given.clone()));
        }
        let login = self.client().log_in(self.auth_scheme, given).await.done()?;
        Ok(login.body.credential)
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
