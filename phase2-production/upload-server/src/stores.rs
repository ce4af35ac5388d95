//! Opens the stores at the start. Errors say what to change.

use crate::accounts::Accounts;
use crate::config::{Config, Design};
use anyhow::{Context, anyhow, bail};
use blobs::{Blobs, BlobsConfig};
use cache::Cache;
use futures_util::{StreamExt, TryStreamExt};
use records::{PoolLimits, Records, Scope, deployment};
use std::fs;
use std::path::Path;
use std::time::Duration;
use upload_domain::accounts::{create_demo_accounts, show_once};
use upload_domain::passwords::HashCost;

/// The database, migrated and with accounts.
pub(crate) async fn open_records(config: &Config) -> anyhow::Result<Records> {
    fs::create_dir_all(&config.data_dir).with_context(|| {
        format!(
            "cannot use the data folder {}: check --data-dir",
            config.data_dir.display()
        )
    })?;
    let url = match &config.stores.database_url {
        Some(url) => url.expose().to_owned(),
        None => sqlite_url(&config.data_dir)?,
    };
    if let Some(owner) = owner_url(config, &url) {
        Records::migrate(owner).await?;
    }
    let records = Records::open(&url, PoolLimits::default()).await?;
    import_accounts(config, &records).await?;
    Ok(records)
}

/// The URL of the SQLite file in a folder. The folder's name may have any characters.
fn sqlite_url(folder: &Path) -> anyhow::Result<String> {
    let file = folder.canonicalize()?.join("records.sqlite");
    let url = url::Url::from_file_path(file);
    let url = url.map_err(|()| anyhow!("--data-dir is not valid UTF-8"))?;
    Ok(format!("sqlite://{}?mode=rwc", url.path()))
}

/// A process migrates the SQLite file that it opens. A Postgres database is migrated by
/// its owner, and the server does not run as the owner.
fn owner_url<'a>(config: &'a Config, url: &'a str) -> Option<&'a str> {
    let given = config.stores.database_owner_url.as_ref().map(|url| url.expose());
    given.or_else(|| url.starts_with("sqlite:").then_some(url))
}

async fn import_accounts(config: &Config, records: &Records) -> anyhow::Result<()> {
    if let Some(file) = &config.users {
        Accounts::import(records, file).await?;
        return Ok(());
    }
    let file = config.data_dir.join("users.json");
    if !file.exists() && Accounts::exist(records).await? {
        return Ok(());
    }
    if let Some(fresh) = create_demo_accounts(&file, HashCost::Owasp)? {
        show_once(&file, &fresh)?;
    }
    Accounts::import(records, &file).await?;
    Ok(())
}

/// The id of this deployment.
pub(crate) async fn deployment_id(records: &Records) -> anyhow::Result<String> {
    let id = records.read(Scope::Housekeeping, |tx| {
        Box::pin(async move { deployment::id(tx).await })
    });
    id.await.context("cannot read the id of the deployment: run `cargo lab migrate`")
}

/// Redis, if the design needs it or the command line names it.
pub(crate) async fn open_cache(
    config: &Config,
    deployment: &str,
) -> anyhow::Result<Option<Cache>> {
    let Some(url) = &config.stores.redis_url else {
        if config.design == Design::Central {
            bail!(
                "the central design needs Redis: \
                 set REDIS_URL, or let `cargo lab up` find or start one"
            );
        }
        tracing::warn!("REDIS_URL is not set: rate limits count per replica");
        return Ok(None);
    };
    let limits = cache::Limits::default();
    Ok(Some(Cache::open(url.expose(), deployment, limits).await?))
}

/// The store for the contents of files, which belongs to this deployment only. A store that
/// an older program filled names no owner: its files decide.
pub(crate) async fn open_blobs(
    config: &Config,
    deployment: &str,
    records: &Records,
) -> anyhow::Result<Blobs> {
    let place = match &config.stores.files_url {
        Some(url) => BlobsConfig::from_url(url.expose())?,
        None => BlobsConfig::Local(config.data_dir.join("blobs")),
    };
    let blobs = Blobs::open(place).await?;
    if blobs.owner().await?.is_none() && !has_own_files(&blobs, records).await? {
        bail!(
            "the store of the files has files, and the database knows none of them: the \
             cleanup would remove them. Use the database that they belong to, another \
             bucket in --files-url or another --data-dir, or remove the files"
        );
    }
    blobs.reserve(deployment).await?;
    Ok(blobs)
}

/// The number of files that are compared with the database.
const COMPARED_FILES: usize = 100;

/// Whether the database knows one of the first files in the store, or there is none.
async fn has_own_files(blobs: &Blobs, records: &Records) -> anyhow::Result<bool> {
    let files = blobs.list_older_than("files", Duration::ZERO).take(COMPARED_FILES);
    let files: Vec<_> = files.try_collect().await?;
    let any = files.is_empty();
    let known = records.read(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            for file in files {
                if records::files::is_named(tx, &file.key).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    });
    Ok(any || known.await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use upload_domain::passwords;

    #[tokio::test]
    async fn new_data_folder_adds_no_accounts_to_filled_database() {
        let folder = tempfile::tempdir().unwrap();
        let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
        let dave = serde_json::json!({ "username": "dave", "password_hash": hash });
        let users = folder.path().join("people.json");
        let people = serde_json::json!({ "users": [dave] });
        fs::write(&users, people.to_string()).unwrap();
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.path().display());
        let with = |name: &str, more: &[&str]| {
            let folder = folder.path().join(name);
            let folder = ["--data-dir", folder.to_str().unwrap()];
            let flags = ["upload-server", "--database-url", &url];
            Config::parse_from(flags.iter().chain(&folder).chain(more))
        };
        let given = ["--users", users.to_str().unwrap()];
        open_records(&with("one", &given)).await.unwrap().close().await;
        let records = open_records(&with("other", &[])).await.unwrap();
        assert!(!folder.path().join("other/users.json").exists());
        assert!(Accounts::exist(&records).await.unwrap());
        records.close().await;
    }

    #[tokio::test]
    async fn data_folder_name_may_have_special_characters() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["plain", "a b", "a#b?c", "50%20", "d\u{fc}rr"] {
            let folder = folder.path().join(name);
            let flags = ["upload-server", "--data-dir", folder.to_str().unwrap()];
            let users = folder.join("users.json");
            fs::create_dir_all(&folder).unwrap();
            let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
            let alice = serde_json::json!({ "username": "alice", "password_hash": hash });
            let people = serde_json::json!({ "users": [alice] });
            fs::write(&users, people.to_string()).unwrap();
            let config = Config::parse_from(flags);
            let records = open_records(&config).await;
            records.unwrap_or_else(|error| panic!("{name}: {error:#}")).close().await;
            assert!(folder.join("records.sqlite").exists(), "{name}");
        }
    }
}
