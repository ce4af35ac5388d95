//! Connections to the two stores that all replicas share. This file is finished.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use std::str::FromStr;
use std::time::Duration;

/// An error of a store: `?` converts the errors of both stores into it.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Redis. Clones share one connection, which is opened at the first command and again
/// after it breaks. A program that sends no command does not notice that Redis is down.
pub fn redis(url: &str) -> Result<ConnectionManager, Trouble> {
    let limits = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(500)))
        .set_response_timeout(Some(Duration::from_secs(2)))
        .set_number_of_retries(1);
    let client = redis::Client::open(url)?;
    Ok(ConnectionManager::new_lazy_with_config(client, limits)?)
}

/// The database: an SQLite file that every replica opens. One replica writes at a time;
/// the others wait.
pub async fn database(url: &str) -> Result<SqlitePool, Trouble> {
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(8));
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options);
    Ok(pool.await?)
}
