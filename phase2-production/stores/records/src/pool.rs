//! Connection pools with a limit on every wait.

use crate::backend::Address;
use crate::file_size;
use futures_util::future::join_all;
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

/// Transactions that run a second time at once. After a migration each connection has one.
const MAX_CONCURRENT_REPETITIONS: u32 = 2;

/// Connections that read a SQLite file, besides the one that writes.
const SQLITE_READERS: u32 = 4;

/// Connections that stay open without use, and are open before the first request: connecting
/// would count against the time limits of requests.
const WARM_CONNECTIONS: u32 = 4;

/// Limits of one program's use of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Maximum number of connections, plus one for polling, and two for a moment after a
    /// migration. SQLite gets one connection
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

    /// The pools; see [`Pools::warm`]. Postgres serves readers and writers on the
    /// same connections. In SQLite a reader sees the last commit and never waits, so it
    /// must not queue behind the writers, which wait for the disk.
    pub(crate) fn pools(self, address: &Address) -> Pools {
        let acquire = self.acquire.max(SQLITE_BUSY_TIMEOUT);
        if address.is_postgres() {
            let of = |connections| {
                pool(address, connections, self.acquire, self.postgres_setup())
            };
            let all = of(self.connections);
            let (poller, repetitions) = (of(1), of(MAX_CONCURRENT_REPETITIONS));
            return Pools { writers: all.clone(), readers: all, poller, repetitions };
        }
        let of = |connections, setup| pool(address, connections, acquire, setup);
        let writers = of(1, sqlite_writer());
        Pools {
            repetitions: writers.clone(),
            writers,
            readers: of(SQLITE_READERS.min(self.connections), sqlite_reader()),
            poller: of(1, sqlite_reader()),
        }
    }

    /// The last statement raises a default of the server, the database or the role that
    /// would acknowledge a commit before it is on disk here and on a synchronous standby.
    fn postgres_setup(self) -> String {
        format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') <> 'remote_apply'",
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
    /// For transactions that run a second time. Each connects anew. SQLite needs none.
    pub(crate) repetitions: AnyPool,
}

impl Pools {
    /// Opens the connections that stay open. A failure is logged and not an error: a request
    /// connects again, and another replica may use the connections that the database allows.
    pub(crate) async fn warm(&self, address: &Address) {
        let readers = (!address.is_postgres()).then_some(&self.readers);
        let all = [&self.writers, &self.poller].into_iter().chain(readers);
        let every = all.flat_map(|pool| {
            (0..pool.options().get_min_connections()).map(|_| pool.acquire())
        });
        // All are held until the last one is there, so none is used twice.
        let opened = join_all(every).await;
        if let Some(error) = opened.iter().find_map(|opened| opened.as_ref().err()) {
            tracing::warn!(%error, "not all database connections could be opened");
        }
    }
}

fn pool(
    address: &Address,
    connections: u32,
    acquire: Duration,
    setup: String,
) -> AnyPool {
    AnyPoolOptions::new()
        .max_connections(connections)
        .min_connections(connections.min(WARM_CONNECTIONS))
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
        "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; \
         PRAGMA wal_autocheckpoint = {}",
        SQLITE_BUSY_TIMEOUT.as_millis(),
        file_size::checkpoint_pages(file_size::limit())
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
        Err(_late) => {
            limit_reached("check of a returned connection", RELEASE_TIMEOUT);
            Ok(false)
        }
    }
}

/// Logs a time limit that was reached, with its name.
pub(crate) fn limit_reached(limit: &'static str, duration: Duration) {
    let ms = duration.as_millis();
    tracing::warn!(limit, ms, "a time limit was reached");
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
