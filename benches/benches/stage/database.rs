//! A database with sessions in it.

use crate::stage::people::{member, now};
use anyhow::ensure;
use backing_services::{Backing, Service, database};
use records::sessions::{self, Created, NewSession};
use records::users::{self, NewAccount};
use records::{AnyConnection, PoolLimits, Records, RecordsError, Scope};
use std::time::Duration;
use tempfile::TempDir;

/// How long the sessions live, in milliseconds: longer than any measurement.
const LIFE_MS: i64 = 12 * 3_600_000;

/// Gone when it is dropped.
pub(crate) struct Database {
    pub(crate) records: Records,
    _service: Service,
    _folder: TempDir,
}

impl Database {
    /// Starts it, and says which it is.
    pub(crate) async fn start(backing: Backing) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let service = database(backing, folder.path()).await?;
        eprintln!("database: {}", service.why);
        let url = Records::migrate(&service.url).await?.app_url;
        let records = Records::open(&url, patient()).await?;
        Ok(Self { records, _service: service, _folder: folder })
    }

    /// Adds a person who has these sessions.
    pub(crate) async fn log_in(&self, proofs: Vec<String>) -> anyhow::Result<()> {
        let sessions = proofs.len();
        let born = self.records.run(Scope::Housekeeping, |tx| {
            Box::pin(async move { write(tx, proofs).await })
        });
        let born = born.await?;
        ensure!(born == sessions, "{born} of {sessions} sessions were born");
        Ok(())
    }
}

async fn write(
    tx: &mut AnyConnection,
    proofs: Vec<String>,
) -> Result<usize, RecordsError> {
    let owner = member(0);
    let password_hash = "not asked for".to_owned();
    let account = NewAccount { member: owner.clone(), password_hash };
    users::import(tx, &[account], now()).await?;
    let known = users::find(tx, &owner.username).await?;
    let epoch = known.map_or(0, |account| account.epoch);
    let most = i64::try_from(proofs.len()).unwrap_or(i64::MAX);
    let mut born = 0;
    for proof in proofs {
        let expires_at = now() + LIFE_MS;
        let (idle_ms, member) = (LIFE_MS, owner.clone());
        let new =
            NewSession { session_id_hash: proof, member, epoch, idle_ms, expires_at };
        let created = sessions::create(tx, &new, most, now()).await?;
        born += usize::from(matches!(created, Created::Yes(..)));
    }
    Ok(born)
}

/// A read that takes long is to be seen in the figures, and not to be given up.
fn patient() -> PoolLimits {
    let patience = Duration::from_secs(30);
    PoolLimits { acquire: patience, statement: patience, ..PoolLimits::default() }
}
