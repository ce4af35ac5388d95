//! Connection pools with a limit on every wait.

use crate::backend::Address;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Executor};
use std::time::Duration;
use tokio::time::timeout;

/// How long SQLite waits for another process that is writing (`PRAGMA busy_timeout`).
pub(crate) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Added to the statement timeout to get the timeout of a transaction.
const TRANSACTION_GRACE: Duration = Duration::from_secs(1);

/// Longest transaction within the [default limits](PoolLimits::default), counted from
/// when it has its connection: after this it has committed or is abandoned.
pub const MAX_TRANSACTION_DURATION: Duration =
    SQLITE_BUSY_TIMEOUT.saturating_add(TRANSACTION_GRACE);

/// Timeout of the check that a returned connection has no open transaction.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections that read a SQLite file, besides the one that writes.
const SQLITE_READERS: u32 = 4;

/// Limits of one program's use of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Maximum number of connections, plus one for polling. SQLite gets one connection
    /// that writes, because it allows one writer at a time and the pool serves waiting
    /// requests in order, and a few that read.
    pub connections: u32,
    /// Timeout of the wait for a free connection.
    pub acquire: Duration,
    /// Timeout of one statement.
    pub statement: Duration,
    /// Timeout of an idle transaction.
    pub idle_in_transaction: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections: 8,
            acquire: Duration::from_secs(2),
            statement: Duration::from_secs(3),
            idle_in_transaction: Duration::from_secs(5),
        }
    }
}

impl PoolLimits {
    /// Timeout of a transaction. It applies if the database, which should have ended the
    /// transaction earlier, no longer answers.
    pub(crate) fn transaction(&self, address: &Address) -> Duration {
        let statement =
            if address.is_postgres() { self.statement } else { SQLITE_BUSY_TIMEOUT };
        statement + TRANSACTION_GRACE
    }

    /// The pools; they connect on first use. Postgres serves readers and writers on the
    /// same connections. In SQLite a reader sees the last commit and never waits, so it
    /// must not queue behind the writers, which wait for the disk.
    pub(crate) fn pools(self, address: &Address) -> Pools {
        let acquire = self.acquire.max(SQLITE_BUSY_TIMEOUT);
        if address.is_postgres() {
            let of = |connections| {
                pool(address, connections, self.acquire, self.postgres_setup())
            };
            let all = of(self.connections);
            return Pools { writers: all.clone(), readers: all, poller: of(1) };
        }
        let of = |connections, setup| pool(address, connections, acquire, setup);
        Pools {
            writers: of(1, sqlite_writer()),
            readers: of(SQLITE_READERS.min(self.connections), sqlite_reader()),
            poller: of(1, sqlite_reader()),
        }
    }

    fn postgres_setup(self) -> String {
        format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            self.statement.as_millis(),
            self.idle_in_transaction.as_millis()
        )
    }
}

/// Connections for writers, readers and the poller.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) writers: AnyPool,
    pub(crate) readers: AnyPool,
    /// One connection, for [`crate::Records::poll`].
    pub(crate) poller: AnyPool,
}

fn pool(
    address: &Address,
    connections: u32,
    acquire: Duration,
    setup: String,
) -> AnyPool {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(acquire)
        .after_connect(move |connection, _| {
            let setup = setup.clone();
            Box::pin(async move {
                connection.execute(sqlx::AssertSqlSafe(setup)).await.map(drop)
            })
        })
        .after_release(|connection, _| Box::pin(is_clean(connection)))
        .connect_lazy_with(address.options())
}

/// FULL, because a 201 promises that the row survives a power failure. NORMAL would not
/// guarantee that in WAL mode, which the migration sets.
fn sqlite_writer() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL",
        SQLITE_BUSY_TIMEOUT.as_millis()
    )
}

fn sqlite_reader() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA query_only = ON",
        SQLITE_BUSY_TIMEOUT.as_millis()
    )
}

/// Ends a transaction that a cancelled `begin` left open (sqlx 0.9.0 does not detect it).
/// Otherwise the next user's acknowledged insert would stay uncommitted in it. `ROLLBACK`
/// alone would fail or warn on every clean connection; after a `BEGIN` it does neither.
/// SQLite refuses the `BEGIN` inside a transaction, and the pool then closes the
/// connection, which is equally safe.
async fn is_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    match timeout(RELEASE_TIMEOUT, connection.execute("BEGIN; ROLLBACK")).await {
        Ok(ended) => ended.map(|_| true),
        Err(_late) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_timeouts_stay_within_longest_transaction() {
        for url in ["postgres://a:b@localhost/c", "sqlite://a.sqlite"] {
            let longest =
                PoolLimits::default().transaction(&Address::parse(url).unwrap());
            assert!(longest <= MAX_TRANSACTION_DURATION, "{url}: {longest:?}");
        }
    }

    async fn pool(folder: &tempfile::TempDir) -> AnyPool {
        let url = format!("sqlite://{}/a.sqlite", folder.path().display());
        let address = Address::parse(&url).unwrap().creating();
        let pool = PoolLimits::default().pools(&address).writers;
        pool.execute("CREATE TABLE t (x BIGINT)").await.unwrap();
        pool
    }

    #[tokio::test]
    async fn leaked_open_transaction_loses_no_later_insert() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder).await;
        for _ in 0..20 {
            let mut left_open = pool.acquire().await.unwrap();
            left_open.execute("BEGIN IMMEDIATE").await.unwrap();
            drop(left_open);
            pool.execute("INSERT INTO t VALUES (1)").await.unwrap();
        }
        pool.close().await;
        let pool = self::pool_again(&folder);
        let rows: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM t").fetch_one(&pool).await.unwrap();
        assert_eq!(rows, 20);
    }

    fn pool_again(folder: &tempfile::TempDir) -> AnyPool {
        let url = format!("sqlite://{}/a.sqlite", folder.path().display());
        PoolLimits::default().pools(&Address::parse(&url).unwrap()).writers
    }
}
