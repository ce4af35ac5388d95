//! A pool of connections with limits on everything that can be waited for.

use crate::backend::Address;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, Executor};
use std::time::Duration;
use tokio::time::timeout;

/// How long SQLite waits for another process that writes.
pub(crate) const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// How long a returned connection may take to show that it is clean.
const RETURN: Duration = Duration::from_secs(1);

/// What one program may take of the database, and how long it waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections at most. SQLite takes one: it has one writer at a time, and those who
    /// wait in this program are served in order.
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
        statement + Duration::from_secs(1)
    }

    /// The pool; it connects when it is first used.
    pub(crate) fn pool(self, address: &Address) -> AnyPool {
        let postgres = address.is_postgres();
        let setup = if postgres { self.postgres_setup() } else { sqlite_setup() };
        let (connections, acquire) = if postgres {
            (self.connections, self.acquire)
        } else {
            (1, self.acquire.max(SQLITE_BUSY))
        };
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

    fn postgres_setup(self) -> String {
        format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
            self.statement.as_millis(),
            self.idle_in_transaction.as_millis()
        )
    }
}

/// FULL, because a 201 promises that the row survives a power cut; in WAL mode (set once,
/// by the migration) NORMAL would not.
fn sqlite_setup() -> String {
    format!(
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL",
        SQLITE_BUSY.as_millis()
    )
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

    async fn pool(folder: &tempfile::TempDir) -> AnyPool {
        let url = format!("sqlite://{}/a.sqlite", folder.path().display());
        let address = Address::parse(&url).unwrap().creating();
        let pool = PoolLimits::default().pool(&address);
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
        PoolLimits::default().pool(&Address::parse(&url).unwrap())
    }
}
