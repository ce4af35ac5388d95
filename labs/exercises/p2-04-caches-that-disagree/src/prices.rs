//! The database, which is the source of truth. This file is finished. It counts its
//! reads, and flags make it pause at critical points, as a busy machine may.

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::Setup;

/// The price of an item in cents; `None` if the item does not exist, which is cached as
/// well.
pub type Price = Option<i64>;

/// Pauses that simulate a busy machine. The default is zero.
struct Pauses {
    after_read: Duration,
    before_write: Duration,
    after_write: Duration,
}

pub struct Prices {
    pool: SqlitePool,
    reads: AtomicU64,
    pauses: Pauses,
}

impl Prices {
    /// Opens the database and creates the table if it is missing.
    pub async fn open(setup: &Setup) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::from_str(&setup.service("DATABASE_URL"))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4);
        let pool = pool.connect_with(options).await?;
        let table =
            "CREATE TABLE IF NOT EXISTS prices (item TEXT PRIMARY KEY, cents BIGINT)";
        sqlx::query(table).execute(&pool).await?;
        let pauses = Pauses {
            after_read: setup.millis("after-read-ms", 0),
            before_write: setup.millis("before-write-ms", 0),
            after_write: setup.millis("after-write-ms", 0),
        };
        Ok(Self { pool, reads: AtomicU64::new(0), pauses })
    }

    pub async fn read(&self, item: &str) -> sqlx::Result<Price> {
        let read = sqlx::query_scalar("SELECT cents FROM prices WHERE item = ?");
        let price = read.bind(item).fetch_optional(&self.pool).await?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(self.pauses.after_read).await;
        Ok(price)
    }

    pub async fn write(&self, item: &str, cents: i64) -> sqlx::Result<()> {
        tokio::time::sleep(self.pauses.before_write).await;
        let write = sqlx::query(
            "INSERT INTO prices (item, cents) VALUES (?, ?)
             ON CONFLICT (item) DO UPDATE SET cents = excluded.cents",
        );
        write.bind(item).bind(cents).execute(&self.pool).await?;
        tokio::time::sleep(self.pauses.after_write).await;
        Ok(())
    }

    /// Number of reads of this replica.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}
