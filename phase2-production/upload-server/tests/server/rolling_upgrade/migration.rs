//! A migration of each table, in the steps of expand and contract.

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use std::time::{Duration, Instant};

/// The tables in which sqlx and the schema itself keep their state.
const SCHEMA_TABLES: &str = "_sqlx_migrations schema_compatibility";

/// While the migration waits for a lock, requests wait behind it.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '250ms'";

/// The longest time for all attempts to get the locks.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(30);

/// A version that no program knows.
const UNKNOWN_VERSION: i64 = 9_999;

/// Columns that are narrow at first. Row security compares none of them.
const COLUMNS: [(&str, &str, [&str; 2]); 12] = [
    ("files", "size", ["INTEGER", "BIGINT"]),
    ("files", "name", ["VARCHAR(200)", "TEXT"]),
    ("uploads", "size", ["INTEGER", "BIGINT"]),
    ("uploads", "content_type", ["VARCHAR(50)", "VARCHAR(500)"]),
    ("upload_parts", "starts_at", ["INTEGER", "BIGINT"]),
    ("quotas", "used_bytes", ["INTEGER", "BIGINT"]),
    ("sessions", "version", ["INTEGER", "BIGINT"]),
    ("session_files", "name", ["VARCHAR(200)", "TEXT"]),
    ("users", "epoch", ["INTEGER", "BIGINT"]),
    ("refresh_tokens", "successor_sealed", ["VARCHAR(1000)", "TEXT"]),
    ("signing_keys", "algorithm", ["VARCHAR(10)", "TEXT"]),
    ("idempotency_keys", "answer", ["VARCHAR(5000)", "TEXT"]),
];

/// The owner's connection.
pub(super) struct Migration(PgConnection);

impl Migration {
    pub(super) async fn connect(mut owner: PgConnection) -> anyhow::Result<Self> {
        owner.execute(LOCK_TIMEOUT).await?;
        Ok(Self(owner))
    }

    async fn tables(&mut self) -> anyhow::Result<Vec<String>> {
        let tables = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
             AND relnamespace = 'public'::regnamespace \
             AND relname <> ALL (string_to_array($1, ' ')) ORDER BY relname",
        );
        Ok(tables.bind(SCHEMA_TABLES).fetch_all(&mut self.0).await?)
    }

    /// Transactions that add a column to every table at once, and then change and widen
    /// columns of the tables, one after the other.
    pub(super) async fn expand(&mut self) -> anyhow::Result<Vec<Vec<String>>> {
        let add = |table: String| format!("ALTER TABLE {table} ADD COLUMN later BIGINT");
        let mut steps = vec![self.tables().await?.into_iter().map(add).collect()];
        for to in [0, 1] {
            steps.extend(COLUMNS.map(|(table, column, types)| {
                vec![format!(
                    "ALTER TABLE {table} ALTER COLUMN {column} TYPE {}",
                    types[to]
                )]
            }));
        }
        Ok(steps)
    }

    /// A transaction that drops the added columns.
    pub(super) async fn contract(&mut self) -> anyhow::Result<Vec<String>> {
        let drop = |table| format!("ALTER TABLE {table} DROP COLUMN later");
        Ok(self.tables().await?.into_iter().map(drop).collect())
    }

    /// Runs the statements in one transaction, again until every lock is free.
    pub(super) async fn apply(&mut self, statements: &[String]) -> anyhow::Result<()> {
        let (began, script) = (Instant::now(), statements.join("; "));
        let script = format!("BEGIN; {script}; COMMIT");
        loop {
            let Err(error) = self.0.execute(AssertSqlSafe(script.clone())).await else {
                return Ok(());
            };
            self.0.execute("ROLLBACK").await?;
            let code = error.as_database_error().and_then(|error| error.code());
            let is_locked = matches!(code.as_deref(), Some("55P03" | "40P01"));
            if !is_locked || began.elapsed() > MAX_LOCK_WAIT {
                bail!(error);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The schema is one newer than any program knows.
    pub(super) async fn record_unknown_version(&mut self) -> anyhow::Result<()> {
        let insert = format!(
            "INSERT INTO _sqlx_migrations (version, description, installed_on, success, \
             checksum, execution_time) SELECT {UNKNOWN_VERSION}, 'later', installed_on, \
             success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1"
        );
        let inserted = self.0.execute(AssertSqlSafe(insert)).await;
        inserted.context("a row for the unknown migration").map(drop)
    }

    /// The migrations of the schema.
    pub(super) async fn versions(&mut self) -> anyhow::Result<Vec<i64>> {
        let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
        Ok(sqlx::query_scalar(versions).fetch_all(&mut self.0).await?)
    }
}
