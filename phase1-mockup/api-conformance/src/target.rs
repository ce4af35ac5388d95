//! What is checked: a base URL, two people with accounts there, and how it knows them.

use crate::client::Client;
use crate::cookies::CookieJar;
use crate::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::{Credentials, paths};

/// How a server knows who is calling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// It remembers: log in once, then send the session id.
    Session,
    /// It checks a signature: log in once, then send the token.
    Token,
    /// It checks the password each time.
    Basic,
}

impl Way {
    /// Where a password is exchanged for a proof. A server that takes passwords with
    /// each request hands out tokens, too.
    #[must_use]
    pub const fn login_path(self) -> &'static str {
        match self {
            Self::Session => paths::SESSION_START,
            Self::Token | Self::Basic => paths::TOKEN,
        }
    }
}

/// A server to check. The checks make and delete files of both people, and expect that
/// nobody else does so meanwhile.
#[derive(Clone, Debug)]
pub struct Target {
    /// Such as `http://127.0.0.1:8080`.
    pub base_url: String,
    /// Somebody with an account.
    pub alice: Credentials,
    /// Somebody else with an account.
    pub bob: Credentials,
    /// How the server knows them.
    pub way: Way,
    /// The largest upload that it takes, in bytes; more than 1 MiB.
    pub max_upload: usize,
    /// What all clients keep together, as the tabs of one browser do; [`None`] for clients
    /// that keep nothing.
    pub cookies: Option<CookieJar>,
}

impl Target {
    /// A new client for it.
    #[must_use]
    pub fn client(&self) -> Client {
        match &self.cookies {
            Some(jar) => Client::sharing(&self.base_url, jar.clone()),
            None => Client::new(&self.base_url),
        }
    }

    /// Obtains a proof in the server's own way.
    ///
    /// # Errors
    /// When the server does not hand one out.
    pub async fn sign_in(&self, given: &Credentials) -> anyhow::Result<Proof> {
        let client = self.client();
        Ok(match self.way {
            Way::Session => {
                let started = client.log_in_session(given).await.done()?;
                Proof::Session(started.body.session_id)
            }
            Way::Token => {
                let issued = client.token(given).await.done()?;
                Proof::Bearer(issued.body.access_token)
            }
            Way::Basic => Proof::Basic(given.clone()),
        })
    }

    /// A client, and a proof that it is alice who uses it: how most checks begin.
    ///
    /// # Errors
    /// When alice cannot sign in.
    pub async fn as_alice(&self) -> anyhow::Result<(Client, Proof)> {
        Ok((self.client(), self.sign_in(&self.alice).await?))
    }

    /// Checks that a proof opens the caller's files.
    ///
    /// # Errors
    /// When it does not.
    pub async fn accepts(&self, proof: &Proof) -> anyhow::Result<()> {
        self.client().list(proof, &ListQuery::default()).await.done()?;
        Ok(())
    }

    /// Checks that a proof is refused, and how.
    ///
    /// # Errors
    /// When it is accepted, or refused in another way.
    pub async fn refuses(&self, proof: &Proof, kind: ProblemKind) -> anyhow::Result<()> {
        let listing = self.client().list(proof, &ListQuery::default()).await;
        listing.refused_as(kind)?;
        Ok(())
    }
}
