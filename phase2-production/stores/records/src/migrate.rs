//! Migrates the schema, and refuses one that this program cannot use.
//!
//! Two adjacent releases share a schema during an upgrade: a program starts on a newer one
//! until a migration drops a part that it uses (migration 11).

use crate::app_role;
use crate::backend::Address;
use crate::error::OpenError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, Connection, Executor};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// The longest wait for one lock. While a migration waits for a table, every request for that
/// table queues behind it, so it gives up before any request does, and tries again.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '250ms'";

/// Pause before the next attempt, in which the requests that queued are served.
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// After this the migration fails: a program hangs with a lock on a table, or with the
/// advisory lock that sqlx takes while it migrates.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(60);

/// The result of [`crate::Records::migrate`].
#[derive(Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The URL for [`crate::Records::open`]. It contains a password.
    pub app_url: String,
    /// The newest migration of the schema. It may be newer than this program.
    pub version: i64,
}

impl std::fmt::Debug for Migrated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrated").field("version", &self.version).finish_non_exhaustive()
    }
}

fn migrator(address: &Address) -> &'static Migrator {
    if address.is_postgres() { &POSTGRES } else { &SQLITE }
}

fn known(address: &Address) -> BTreeSet<i64> {
    migrator(address).iter().map(|migration| migration.version).collect()
}

fn newest(migrations: &BTreeSet<i64>) -> i64 {
    migrations.last().copied().unwrap_or(0)
}

pub(crate) async fn migrate(owner_url: &str) -> Result<Migrated, OpenError> {
    let address = Address::parse(owner_url)?;
    if address.is_postgres() {
        return migrate_postgres(&address).await;
    }
    let version = migrate_sqlite(&address).await?;
    Ok(Migrated { app_url: owner_url.to_owned(), version })
}

async fn migrate_postgres(address: &Address) -> Result<Migrated, OpenError> {
    let mut connection = address.connect().await?;
    let limited = connection.execute(LOCK_TIMEOUT).await;
    limited.map_err(|error| OpenError::of(&address.place(), error))?;
    let app = app_role::create(&mut connection, address).await?;
    let began = Instant::now();
    let version = loop {
        match apply(&mut connection, address).await {
            Err(Failed::Locked(_)) if began.elapsed() < MAX_LOCK_WAIT => {
                tokio::time::sleep(LOCK_RETRY_INTERVAL).await;
            }
            Err(Failed::Locked(error) | Failed::Other(error)) => return Err(error),
            Ok(version) => break version,
        }
    };
    let _ = connection.close().await;
    Ok(Migrated { app_url: app.url().to_string(), version })
}

/// One transaction around all migrations is the lock on SQLite. The transactions that
/// sqlx begins inside become savepoints.
async fn migrate_sqlite(address: &Address) -> Result<i64, OpenError> {
    let failed = |error| OpenError::of(&address.place(), error);
    let mut connection = address.creating().connect().await?;
    // Stored in the file. Readers and the writer do not block each other, and a commit
    // takes one sync.
    connection.execute("PRAGMA journal_mode = WAL").await.map_err(failed)?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let version = apply(&mut tx, address).await.map_err(Failed::into_error)?;
    tx.commit().await.map_err(failed)?;
    let _ = connection.close().await;
    Ok(version)
}

/// A failed migration. The earlier ones stay applied.
enum Failed {
    /// A lock was not free in time.
    Locked(OpenError),
    Other(OpenError),
}

impl Failed {
    fn into_error(self) -> OpenError {
        match self {
            Self::Locked(error) | Self::Other(error) => error,
        }
    }
}

/// Applies the migrations that are missing, unless the schema refuses this program. Returns
/// the newest migration of the schema.
async fn apply(connection: &mut AnyConnection, address: &Address) -> Result<i64, Failed> {
    let before = applied(connection).await.map_err(|error| failed(address, error))?;
    check_newer(connection, address, &before).await.map_err(Failed::Other)?;
    let mut migrator =
        Migrator::with_migrations(migrator(address).iter().cloned().collect());
    // Those of a newer program.
    migrator.set_ignore_missing(true);
    match migrator.run_direct(None, connection, false).await {
        Ok(()) => Ok(newest(&known(address)).max(newest(&before))),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(failed(address, error))
        }
        Err(error) => {
            let (at, reason) = (address.place(), error.to_string());
            Err(Failed::Other(OpenError::Migration { at, reason }))
        }
    }
}

fn failed(address: &Address, error: sqlx::Error) -> Failed {
    /// Postgres: `lock_not_available`.
    const LOCKED: &str = "55P03";
    let code = error.as_database_error().and_then(|error| error.code());
    let is_locked = code.is_some_and(|code| code == LOCKED);
    let error = OpenError::of(&address.place(), error);
    if is_locked { Failed::Locked(error) } else { Failed::Other(error) }
}

/// Checks that this program may use the schema: it has every migration of this program, and
/// if it has newer ones, none of them dropped anything that this program uses.
pub(crate) async fn check(
    connection: &mut AnyConnection,
    address: &Address,
) -> Result<(), OpenError> {
    let applied = applied(connection).await;
    let applied = applied.map_err(|error| OpenError::of(&address.place(), error))?;
    if !known(address).is_subset(&applied) {
        return Err(OpenError::SchemaOlder { at: address.place() });
    }
    check_newer(connection, address, &applied).await
}

/// Checks that the schema accepts programs of this version. A schema before the first such
/// rule refuses only programs that lack one of its migrations.
async fn check_newer(
    connection: &mut AnyConnection,
    address: &Address,
    applied: &BTreeSet<i64>,
) -> Result<(), OpenError> {
    const OLDEST: &str = "SELECT oldest_migration FROM schema_compatibility";
    const FIRST_RULE: i64 = 11;
    let known = known(address);
    let Some(found) = applied.difference(&known).last().copied() else {
        return Ok(());
    };
    let oldest = if applied.contains(&FIRST_RULE) {
        let oldest = sqlx::query_scalar(OLDEST).fetch_one(connection).await;
        oldest.map_err(|error| OpenError::of(&address.place(), error))?
    } else {
        found
    };
    let known = newest(&known);
    if known >= oldest {
        return Ok(());
    }
    Err(OpenError::SchemaNewer { at: address.place(), found, oldest, known })
}

/// The migrations of the schema; none if the database was never migrated.
async fn applied(connection: &mut AnyConnection) -> Result<BTreeSet<i64>, sqlx::Error> {
    let rows = sqlx::query_scalar("SELECT version FROM _sqlx_migrations");
    match rows.fetch_all(connection).await {
        Ok(versions) => Ok(versions.into_iter().collect()),
        Err(sqlx::Error::Database(error))
            if matches!(error.code().as_deref(), Some("42P01" | "1")) =>
        {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error),
    }
}
