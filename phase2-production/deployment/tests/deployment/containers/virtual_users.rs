//! Virtual users of a cluster with faults. They repeat a request that got no reply, and
//! distinguish a logout from an outage.

use super::test_cluster::{EVENT_TIMEOUT, TestCluster};
use anyhow::bail;
use api_conformance::eventually::eventually;
use api_contract::files::{FileCreated, ListQuery};
use api_contract::secret::Secret;
use api_contract::{LoginRequest, paths};
use client::{CallResult, Client, Credential, Options, Upload};
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use std::collections::BTreeMap;
use std::time::Duration;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// The timeout of a request: longer than a balancer needs to notice a dead replica.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// A name and a password.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: String,
}

impl Account {
    /// Six accounts, so that every replica gets some with either balancing policy.
    pub(super) fn create_all() -> Vec<Self> {
        let account = |number: usize| Self {
            name: format!("user-{number}"),
            password: uuid::Uuid::new_v4().to_string(),
        };
        (1..=6).map(account).collect()
    }

    /// The accounts as a file that replicas import. The hash is the cheapest one, because these
    /// tests are not about password hashing.
    pub(super) fn users_file(accounts: &[Self]) -> anyhow::Result<Vec<u8>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("users.json");
        let pairs = accounts
            .iter()
            .map(|account| (account.name.as_str(), account.password.as_str()));
        users_file::write(&path, &pairs.collect::<Vec<_>>(), HashCost::Minimal)?;
        Ok(std::fs::read(path)?)
    }
}

/// A simulated user, logged in.
#[derive(Clone, Debug)]
pub(super) struct VirtualUser {
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) credential: Credential,
}

fn browser(url: &str) -> Client {
    let browser =
        Options { timeout: REQUEST_TIMEOUT, keep_cookies: true, ..Options::default() };
    Client::with(url, browser)
}

/// The login state of a user, from the reply to `GET /api/session`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LoginState {
    /// Logged in, with the replica that replied.
    LoggedIn(String),
    /// Not logged in.
    LoggedOut,
    /// No reply, or a reply that leaves it open, such as a 503: the reason.
    Unknown(String),
}

impl VirtualUser {
    /// Logs all accounts in, one after the other, each with its own client.
    pub(super) async fn all(cluster: &TestCluster) -> anyhow::Result<Vec<Self>> {
        let mut users = Vec::new();
        for account in &cluster.accounts {
            users.push(Self::log_in(cluster, account).await?);
        }
        Ok(users)
    }

    /// Logs one account in. A slow machine may need several attempts.
    pub(super) async fn log_in(
        cluster: &TestCluster,
        account: &Account,
    ) -> anyhow::Result<Self> {
        let client = browser(&cluster.url);
        let given = LoginRequest {
            username: account.name.clone(),
            password: Secret::new(account.password.clone()),
        };
        let started = eventually(EVENT_TIMEOUT, "a login succeeds", async || {
            Ok(client.log_in_session(&given).await.done().ok())
        });
        let credential = Credential::Session(started.await?.body.session_id);
        Ok(Self { name: account.name.clone(), client, credential })
    }

    /// The same user with a new client at another address.
    pub(super) fn at(&self, url: &str) -> Self {
        Self { client: browser(url), ..self.clone() }
    }

    /// Requests the session once.
    pub(super) async fn try_login_state(&self) -> LoginState {
        match self.client.session_view(&self.credential).await {
            CallResult::Done(reply) => {
                LoginState::LoggedIn(reply.served_by().unwrap_or_default().to_owned())
            }
            CallResult::Refused(reply) if reply.status == StatusCode::UNAUTHORIZED => {
                LoginState::LoggedOut
            }
            CallResult::Refused(reply) => {
                LoginState::Unknown(format!("{:?}", reply.body))
            }
            CallResult::CallError(broken) => LoginState::Unknown(format!("{broken:?}")),
        }
    }

    /// Requests the session until a reply decides.
    pub(super) async fn login_state(&self) -> anyhow::Result<LoginState> {
        eventually(EVENT_TIMEOUT, "a reply decides the login state", async || match self
            .try_login_state()
            .await
        {
            LoginState::Unknown(_) => Ok(None),
            decided => Ok(Some(decided)),
        })
        .await
    }

    /// Fails if the user is logged out. Returns the replica that replied.
    pub(super) async fn is_logged_in(&self) -> anyhow::Result<String> {
        match self.login_state().await? {
            LoginState::LoggedIn(replica) => Ok(replica),
            LoginState::LoggedOut | LoginState::Unknown(_) => {
                bail!("{} was logged out", self.name)
            }
        }
    }

    /// Uploads a file with one request, without a retry.
    pub(super) async fn upload(
        &self,
        name: &str,
        size: usize,
    ) -> CallResult<FileCreated> {
        self.client.upload(&self.credential, &Upload::of_size(name, size)).await
    }

    /// The hashes of all files by id.
    pub(super) async fn files(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let (mut files, mut page) = (BTreeMap::new(), ListQuery::default());
        loop {
            let list = self.client.list(&self.credential, &page).await.done()?.body;
            files.extend(list.files.into_iter().map(|file| (file.file_id, file.sha256)));
            match list.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(files),
            }
        }
    }
}

/// Fails if a user is logged out or another replica replies.
pub(super) async fn all_are_logged_in(
    users: &[VirtualUser],
    by: &[&str],
) -> anyhow::Result<()> {
    let replicas = try_join_all(users.iter().map(VirtualUser::is_logged_in)).await?;
    match replicas.iter().find(|replica| !by.contains(&replica.as_str())) {
        Some(other) => bail!("an unexpected replica replied: {other}"),
        None => Ok(()),
    }
}

/// The replica that serves the next request.
pub(super) async fn served_by(client: &Client) -> Option<String> {
    let reply = client.send(client.request(Method::GET, paths::LIVEZ)).await.ok()?;
    reply.status.is_success().then(|| reply.served_by().map(str::to_owned))?
}
