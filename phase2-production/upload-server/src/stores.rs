//! Where things are kept: opened once at the start, or refused with what to do about it.

use crate::config::{Config, Design};
use crate::people::People;
use anyhow::{Context, bail};
use blobs::{Blobs, BlobsConfig};
use cache::Cache;
use records::{PoolLimits, Records};
use std::fs;
use upload_domain::accounts::make_demo_users;
use upload_domain::passwords::HashCost;

/// The records, with a schema that this program knows, and with people in them.
pub(crate) async fn open_records(config: &Config) -> anyhow::Result<Records> {
    fs::create_dir_all(&config.data_dir).with_context(|| {
        format!(
            "cannot use the data folder {}: check --data-dir",
            config.data_dir.display()
        )
    })?;
    let url = match &config.stores.database_url {
        Some(url) => url.expose().to_owned(),
        None => {
            let file = config.data_dir.join("records.sqlite");
            format!("sqlite://{}?mode=rwc", file.display())
        }
    };
    if let Some(owner) = owner_url(config, &url) {
        Records::migrate(owner).await?;
    }
    let records = Records::open(&url, PoolLimits::default()).await?;
    import_people(config, &records).await?;
    Ok(records)
}

/// An SQLite file belongs to whoever opens it. A Postgres database is brought up to date
/// by its owner, and the server does not run as one.
fn owner_url<'a>(config: &'a Config, url: &'a str) -> Option<&'a str> {
    let given = config.stores.database_owner_url.as_ref().map(|url| url.expose());
    given.or_else(|| url.starts_with("sqlite:").then_some(url))
}

async fn import_people(config: &Config, records: &Records) -> anyhow::Result<()> {
    if let Some(file) = &config.users {
        People::import(records, file).await?;
        return Ok(());
    }
    let file = config.data_dir.join("users.json");
    if let Some(fresh) = make_demo_users(&file, HashCost::Owasp)? {
        println!("Demo accounts (shown once; hashes are in {}):", file.display());
        for account in fresh {
            println!("  {:8} {}", account.username, account.password);
        }
    }
    People::import(records, &file).await?;
    Ok(())
}

/// Redis, where the design needs it or the command line names it.
pub(crate) async fn open_cache(config: &Config) -> anyhow::Result<Option<Cache>> {
    let Some(url) = &config.stores.redis_url else {
        if config.design == Design::Central {
            bail!(
                "the central design keeps its sessions in Redis: \
                 set REDIS_URL, or let `cargo lab up` find or start one"
            );
        }
        tracing::warn!("without REDIS_URL each replica counts its limits for itself");
        return Ok(None);
    };
    Ok(Some(Cache::open(url.expose(), cache::Limits::default()).await?))
}

/// The bytes of the files.
pub(crate) async fn open_blobs(config: &Config) -> anyhow::Result<Blobs> {
    let place = match &config.stores.files_url {
        Some(url) => BlobsConfig::from_url(url.expose())?,
        None => BlobsConfig::Local(config.data_dir.join("blobs")),
    };
    Ok(Blobs::open(place).await?)
}
