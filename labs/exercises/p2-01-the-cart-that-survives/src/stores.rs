//! The ways to the two stores that all replicas share. This file is finished.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use std::str::FromStr;
use std::time::Duration;

/// Why a store could not do what it was asked to: both stores' errors become one with `?`.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Redis. Clones share one connection. It is made when it is first used, and made anew
/// when it breaks: whoever never asks does not notice that Redis is down.
pub fn redis(url: &str) -> Result<ConnectionManager, Trouble> {
    let limits = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(500)))
        .set_response_timeout(Some(Duration::from_secs(2)))
        .set_number_of_retries(1);
    let client = redis::Client::open(url)?;
    Ok(ConnectionManager::new_lazy_with_config(client, limits)?)
}

/// The database: here an SQLite file that every replica opens. One replica writes at a
/// time; the others wait for it.
pub async fn database(url: &str) -> Result<SqlitePool, Trouble> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(8));
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options);
    Ok(pool.await?)
}
