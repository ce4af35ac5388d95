//! Migrates the schema, and refuses a schema of another version.

use crate::app_role;
use crate::backend::Address;
use crate::error::OpenError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, Connection, Executor};
use std::collections::BTreeSet;

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// sqlx takes an advisory lock on Postgres while it migrates. If a program hangs with it,
/// the others fail with an error instead of waiting silently.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '60s'";

/// The result of [`crate::Records::migrate`].
#[derive(Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The URL for [`crate::Records::open`]. It contains a password.
    pub app_url: String,
    /// The newest migration, now applied.
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

pub(crate) async fn migrate(owner_url: &str) -> Result<Migrated, OpenError> {
    let address = Address::parse(owner_url)?;
    let app_url = if address.is_postgres() {
        migrate_postgres(&address).await?
    } else {
        migrate_sqlite(&address).await?;
        owner_url.to_owned()
    };
    let version = known(&address).last().copied().unwrap_or(0);
    Ok(Migrated { app_url, version })
}

async fn migrate_postgres(address: &Address) -> Result<String, OpenError> {
    let mut connection = address.connect().await?;
    let limited = connection.execute(LOCK_TIMEOUT).await;
    limited.map_err(|error| OpenError::of(&address.place(), error))?;
    let app = app_role::create(&mut connection, address).await?;
    apply(&mut connection, address).await?;
    let _ = connection.close().await;
    Ok(app.url().to_string())
}

/// One transaction around all migrations is the lock on SQLite. The transactions that
/// sqlx begins inside become savepoints.
async fn migrate_sqlite(address: &Address) -> Result<(), OpenError> {
    let failed = |error| OpenError::of(&address.place(), error);
    let mut connection = address.creating().connect().await?;
    // Stored in the file. Readers and the writer do not block each other, and a commit
    // takes one sync.
    connection.execute("PRAGMA journal_mode = WAL").await.map_err(failed)?;
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    apply(&mut tx, address).await?;
    tx.commit().await.map_err(failed)?;
    let _ = connection.close().await;
    Ok(())
}

async fn apply(
    connection: &mut AnyConnection,
    address: &Address,
) -> Result<(), OpenError> {
    let at = address.place();
    match migrator(address).run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(found)) => Err(newer(address, found)),
        Err(MigrateError::Execute(error)) => Err(OpenError::of(&at, error)),
        Err(error) => Err(OpenError::Migration { at, reason: error.to_string() }),
    }
}

/// Checks that the schema is exactly the one of this program.
pub(crate) async fn check(
    connection: &mut AnyConnection,
    address: &Address,
) -> Result<(), OpenError> {
    let applied = applied(connection).await;
    let applied = applied.map_err(|error| match &error {
        // No such table: this database was never migrated.
        sqlx::Error::Database(database)
            if matches!(database.code().as_deref(), Some("42P01" | "1")) =>
        {
            OpenError::SchemaOlder { at: address.place() }
        }
        _ => OpenError::of(&address.place(), error),
    })?;
    let known = known(address);
    if let Some(found) = applied.difference(&known).last() {
        return Err(newer(address, *found));
    }
    if applied != known {
        return Err(OpenError::SchemaOlder { at: address.place() });
    }
    Ok(())
}

async fn applied(connection: &mut AnyConnection) -> Result<BTreeSet<i64>, sqlx::Error> {
    let rows = sqlx::query_scalar("SELECT version FROM _sqlx_migrations");
    Ok(rows.fetch_all(connection).await?.into_iter().collect())
}

fn newer(address: &Address, found: i64) -> OpenError {
    let known = known(address).last().copied().unwrap_or(0);
    OpenError::SchemaNewer { at: address.place(), found, known }
}
