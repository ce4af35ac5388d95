//! People who use a system while it breaks. They ask again when nobody answered, as people
//! do, and remember whether anybody told them that they are not logged in.

use super::fleet::{DEADLINE, Fleet};
use anyhow::bail;
use api_conformance::client::{Client, Options};
use api_conformance::eventually::eventually;
use api_conformance::form::Upload;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::files::{FileCreated, ListQuery};
use api_contract::secret::Secret;
use api_contract::{Credentials, paths};
use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use std::collections::BTreeMap;
use std::time::Duration;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Longer than a balancer needs to notice that a replica is gone, and not for ever.
const PATIENCE: Duration = Duration::from_secs(8);

/// A name and a password.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) password: String,
}

impl Account {
    /// Six of them, so that every replica has some whichever way they are spread.
    pub(super) fn some() -> Vec<Self> {
        let account = |number: usize| Self {
            name: format!("caller-{number}"),
            password: uuid::Uuid::new_v4().to_string(),
        };
        (1..=6).map(account).collect()
    }

    /// Accounts in the form that replicas import. The cheapest hash will do: what is tested
    /// here is not how hard a stolen file is to guess.
    pub(super) fn users_file(accounts: &[Self]) -> anyhow::Result<Vec<u8>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("users.json");
        let pairs = accounts.iter().map(|one| (one.name.as_str(), one.password.as_str()));
        users_file::write(&path, &pairs.collect::<Vec<_>>(), HashCost::Least)?;
        Ok(std::fs::read(path)?)
    }
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) proof: Proof,
}

fn browser(url: &str) -> Client {
    let browser = Options { timeout: PATIENCE, keep_cookies: true, ..Options::default() };
    Client::with(url, browser)
}

/// What an answer to "who am I?" says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Logged in, says this replica.
    In(String),
    /// Not logged in.
    Out,
    /// Nobody knows: no answer, or one that says so, which is this.
    Unknown(String),
}

impl Caller {
    /// Everybody with an account, logged in one after the other, each with a browser of
    /// their own.
    pub(super) async fn all(fleet: &Fleet) -> anyhow::Result<Vec<Self>> {
        let mut callers = Vec::new();
        for account in &fleet.accounts {
            callers.push(Self::log_in(fleet, account).await?);
        }
        Ok(callers)
    }

    /// One of them. Nothing is broken yet; a slow machine may take several attempts.
    pub(super) async fn log_in(fleet: &Fleet, account: &Account) -> anyhow::Result<Self> {
        let client = browser(&fleet.url);
        let given = Credentials {
            username: account.name.clone(),
            password: Secret::new(account.password.clone()),
        };
        let started = eventually(DEADLINE, "somebody logs in", async || {
            Ok(client.log_in_session(&given).await.done().ok())
        });
        let proof = Proof::Session(started.await?.body.session_id);
        Ok(Self { name: account.name.clone(), client, proof })
    }

    /// The same, with a new browser, at another address.
    pub(super) fn at(&self, url: &str) -> Self {
        Self { client: browser(url), ..self.clone() }
    }

    /// Asks once.
    pub(super) async fn look(&self) -> Standing {
        match self.client.session_view(&self.proof).await {
            Outcome::Done(reply) => {
                Standing::In(reply.served_by().unwrap_or_default().to_owned())
            }
            Outcome::Refused(reply) if reply.status == StatusCode::UNAUTHORIZED => {
                Standing::Out
            }
            Outcome::Refused(reply) => Standing::Unknown(format!("{:?}", reply.body)),
            Outcome::Broken(broken) => Standing::Unknown(format!("{broken:?}")),
        }
    }

    /// Asks until somebody knows.
    pub(super) async fn standing(&self) -> anyhow::Result<Standing> {
        eventually(DEADLINE, "somebody knows", async || match self.look().await {
            Standing::Unknown(_) => Ok(None),
            known => Ok(Some(known)),
        })
        .await
    }

    /// Fails if anybody who knows says otherwise; returns who has answered.
    pub(super) async fn is_logged_in(&self) -> anyhow::Result<String> {
        match self.standing().await? {
            Standing::In(replica) => Ok(replica),
            Standing::Out | Standing::Unknown(_) => bail!("{} was logged out", self.name),
        }
    }

    /// Uploads a file with one request, which is not repeated.
    pub(super) async fn upload(&self, name: &str, size: usize) -> Outcome<FileCreated> {
        self.client.upload(&self.proof, &Upload::of_size(name, size)).await
    }

    /// All files by id, with their hashes.
    pub(super) async fn files(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let (mut files, mut page) = (BTreeMap::new(), ListQuery::default());
        loop {
            let list = self.client.list(&self.proof, &page).await.done()?.body;
            files.extend(list.files.into_iter().map(|file| (file.file_id, file.sha256)));
            match list.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(files),
            }
        }
    }
}

/// Nobody was logged out: everybody is answered, and by these replicas only.
pub(super) async fn all_are_logged_in(
    callers: &[Caller],
    by: &[&str],
) -> anyhow::Result<()> {
    let answered = try_join_all(callers.iter().map(Caller::is_logged_in)).await?;
    match answered.iter().find(|replica| !by.contains(&replica.as_str())) {
        Some(other) => bail!("{other} answered, which was not to be expected"),
        None => Ok(()),
    }
}

/// Which replica answers now.
pub(super) async fn served_by(client: &Client) -> Option<String> {
    let reply = client.send(client.request(Method::GET, paths::LIVEZ)).await.ok()?;
    reply.status.is_success().then(|| reply.served_by().map(str::to_owned))?
}
