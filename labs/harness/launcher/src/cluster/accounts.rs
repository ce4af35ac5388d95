//! The accounts of a cluster.

use crate::topology::{Topology, Users};
use anyhow::{Context, bail};
use process::RunDir;
use process::private_file;
use records::{PoolLimits, Records, Scope};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use upload_domain::accounts::{self, GeneratedAccount};
use upload_domain::passwords::{HashCost, PasswordChecks};
use upload_domain::users_file;

/// The file of the passwords that no start has shown yet, beside the users file.
const UNSHOWN_FILE: &str = "users.unshown.json";

/// Generated accounts whose passwords were not shown yet.
#[derive(Debug, Default)]
pub(super) struct Unshown {
    pub(super) accounts: Vec<GeneratedAccount>,
    /// Whether the database has accounts of these names with other passwords.
    pub(super) has_earlier: bool,
    /// Has the passwords until they are shown. A start that fails must not lose them, and other
    /// passwords would not help: its replicas may have stored the hashes in the database.
    file: Option<PathBuf>,
}

impl Unshown {
    /// The passwords were shown: later starts do not show them again.
    pub(super) fn forget(&self) {
        if let Some(file) = &self.file {
            let _next_start_shows_them_again = fs::remove_file(file);
        }
    }
}

/// The users file, and the accounts that were generated for it.
pub(super) fn users(
    topology: &Topology,
    run_dir: &RunDir,
) -> anyhow::Result<(PathBuf, Unshown)> {
    match &topology.users {
        Users::File(path) => Ok((path.clone(), Unshown::default())),
        Users::WithPassword(password) => {
            let path = run_dir.path().join("users.json");
            let accounts = accounts::DEMO_USERS.map(|name| (name, password.expose()));
            users_file::write(&path, &accounts, HashCost::Owasp)?;
            Ok((path, Unshown::default()))
        }
        Users::Generated => {
            generated(topology.data_dir.as_deref().unwrap_or(run_dir.path()))
        }
    }
}

/// Compares the accounts with those in the database. A start changes none of them, so a new
/// password would not work: it is not shown, and a given one is refused.
pub(super) async fn check_stored(
    users: &Users,
    database_url: &str,
    users_file: &Path,
    unshown: &mut Unshown,
) -> anyhow::Result<()> {
    if matches!(users, Users::File(_)) {
        return Ok(());
    }
    let records = Records::open(database_url, PoolLimits::default()).await?;
    for new in users_file::read(users_file)? {
        let (scope, name) = (Scope::Login(new.username.clone()), new.username.clone());
        let stored = records.read(scope, move |tx| {
            Box::pin(async move { records::users::find(tx, &name).await })
        });
        let Some(stored) =
            stored.await?.filter(|old| old.password_hash != new.password_hash)
        else {
            continue;
        };
        if let Users::WithPassword(password) = users
            && !PasswordChecks::default()
                .check(password.expose(), &stored.password_hash)
                .await
                .unwrap_or(false)
        {
            bail!(
                "the database already has the account {} with another password: leave out \
                 --password, or use another --data-dir or DATABASE_URL",
                new.username
            );
        }
        unshown.accounts.retain(|account| account.username != new.username.as_str());
        unshown.has_earlier = true;
    }
    Ok(())
}

fn generated(dir: &Path) -> anyhow::Result<(PathBuf, Unshown)> {
    fs::create_dir_all(dir)
        .with_context(|| format!("cannot use the data folder {}", dir.display()))?;
    let (path, file) = (dir.join("users.json"), dir.join(UNSHOWN_FILE));
    let accounts = match accounts::create_demo_accounts(&path, HashCost::Owasp)? {
        Some(fresh) => {
            keep(&file, &fresh).inspect_err(|_error| {
                let _next_start_reports_it = fs::remove_file(&path);
            })?;
            fresh
        }
        None => kept(&file)?,
    };
    Ok((path, Unshown { accounts, has_earlier: false, file: Some(file) }))
}

/// Writes the passwords with mode 0600.
fn keep(file: &Path, accounts: &[GeneratedAccount]) -> anyhow::Result<()> {
    let accounts: Vec<(&str, &str)> = accounts
        .iter()
        .map(|one| (one.username.as_str(), one.password.as_str()))
        .collect();
    let text = serde_json::to_vec(&accounts).context("cannot write accounts as JSON")?;
    // One may be there if its users file was removed.
    let _may_not_exist = fs::remove_file(file);
    let written = private_file::create(file).and_then(|mut out| {
        out.write_all(&text)?;
        out.sync_all()
    });
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// The accounts from [`keep`]; none if an earlier start has shown them.
fn kept(file: &Path) -> anyhow::Result<Vec<GeneratedAccount>> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let accounts: Vec<(String, String)> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid: remove it", file.display()))?;
    let account = |(username, password)| GeneratedAccount { username, password };
    Ok(accounts.into_iter().map(account).collect())
}
