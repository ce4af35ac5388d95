//! A pool of connections with limits on everything that can be waited for.

use crate::backend::Address;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Executor};
use std::time::Duration;
use tokio::time::timeout;

/// How long SQLite waits for another process that writes.
pub(crate) const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// What is added to the longest statement before a transaction is given up.
const AND_THEN: Duration = Duration::from_secs(1);

/// What no transaction within the [default limits](PoolLimits::default) outlasts, from when
/// it has its connection: it has committed by then, or it is given up.
pub const LONGEST_TRANSACTION: Duration = SQLITE_BUSY.saturating_add(AND_THEN);

/// How long a returned connection may take to show that it is clean.
const RETURN: Duration = Duration::from_secs(1);

/// Connections that read an SQLite file, beside the one that writes it.
const SQLITE_READERS: u32 = 4;

/// What one program may take of the database, and how long it waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections at most, and one more to listen. SQLite takes one that writes, because it
    /// has one writer at a time and those who wait in this program are served in order, and
    /// a few that read.
    pub connections: u32,
    /// The wait for a free connection.
    pub acquire: Duration,
    /// The longest statement.
    pub statement: Duration,
    /// The longest silence inside a transaction.
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
    /// After this a transaction is given up, because the database itself, which should
    /// have ended it, does not answer any more.
    pub(crate) fn transaction(&self, address: &Address) -> Duration {
        let statement = if address.is_postgres() { self.statement } else { SQLITE_BUSY };
        statement + AND_THEN
    }

    /// The pools; they connect when they are first used. Postgres serves readers and
    /// writers on the same connections. In SQLite a reader sees the last commit and waits
    /// for nobody, so it must not stand in the queue of the writers, who wait for the disk.
    pub(crate) fn pools(self, address: &Address) -> Pools {
        let acquire = self.acquire.max(SQLITE_BUSY);
        if address.is_postgres() {
            let of = |connections| {
                pool(address, connections, self.acquire, self.postgres_setup())
            };
            let all = of(self.connections);
            return Pools { writers: all.clone(), readers: all, listener: of(1) };
        }
        let of = |connections, setup| pool(address, connections, acquire, setup);
        Pools {
            writers: of(1, sqlite_writer()),
            readers: of(SQLITE_READERS.min(self.connections), sqlite_reader()),
            listener: of(1, sqlite_reader()),
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

/// Connections for those who change something, and for those who only look.
#[derive(Clone)]
pub(crate) struct Pools {
    pub(crate) writers: AnyPool,
    pub(crate) readers: AnyPool,
    /// One, for [`crate::Records::listen`].
    pub(crate) listener: AnyPool,
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

/// FULL, because a 201 promises that the row survives a power cut; in WAL mode (set once,
/// by the migration) NORMAL would not.
fn sqlite_writer() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL",
        SQLITE_BUSY.as_millis()
    )
}

fn sqlite_reader() -> String {
    format!("PRAGMA busy_timeout = {}; PRAGMA query_only = ON", SQLITE_BUSY.as_millis())
}

/// Ends a transaction that a cancelled `begin` left open (sqlx 0.9.0 does not notice it):
/// the next borrower's acknowledged insert would end in it, uncommitted. `ROLLBACK` alone
/// would be an error or a warning on every clean connection; after a `BEGIN` it is
/// neither. SQLite refuses the `BEGIN` inside a transaction, and the pool then closes the
/// connection, which is as good.
async fn is_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    match timeout(RETURN, connection.execute("BEGIN; ROLLBACK")).await {
        Ok(ended) => ended.map(|_| true),
        Err(_late) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_transaction_is_longer_than_is_promised() {
        for url in ["postgres://a:b@localhost/c", "sqlite://a.sqlite"] {
            let longest =
                PoolLimits::default().transaction(&Address::parse(url).unwrap());
            assert!(longest <= LONGEST_TRANSACTION, "{url}: {longest:?}");
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
    async fn a_transaction_somebody_left_open_swallows_nothing() {
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
