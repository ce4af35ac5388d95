//! A store that all replicas share: the database at `DATABASE_URL`. This file is
//! finished.
//!
//! Each function is atomic: concurrent requests of other replicas see all of its effect
//! or none. After a function has returned, its effect survives the process. If the store
//! does not answer, the request panics; Phase 2 treats better reactions.

// The starter does not use all functions.
#![allow(dead_code)]

use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Maximum time to wait for another replica's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        list TEXT NOT NULL,
        text TEXT NOT NULL,
        taken_until_ms INTEGER NOT NULL DEFAULT 0
    );";

/// An item of a list.
#[derive(Debug)]
pub struct Item {
    pub id: i64,
    pub text: String,
}

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub struct Shared {
    pool: SqlitePool,
}

impl Shared {
    /// Opens the store and creates missing tables.
    pub async fn open(url: &str) -> Self {
        let options = SqliteConnectOptions::from_str(url)
            .unwrap_or_else(|error| support::give_up(&format!("DATABASE_URL: {error}")))
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY_TIMEOUT);
        let deadline = Instant::now() + BUSY_TIMEOUT;
        // Replicas that start at the same time all try to create the tables.
        loop {
            let pool = SqlitePoolOptions::new().max_connections(1);
            let opened = match pool.connect_with(options.clone()).await {
                Ok(pool) => sqlx::raw_sql(TABLES).execute(&pool).await.map(|_| pool),
                Err(error) => Err(error),
            };
            match opened {
                Ok(pool) => return Self { pool },
                Err(error) if Instant::now() > deadline => {
                    support::give_up(&format!("cannot open the shared store: {error}"))
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Stores a text under a name and replaces the old text.
    pub async fn put(&self, name: &str, text: &str) {
        let sql = "INSERT INTO texts (name, text) VALUES (?, ?)
                   ON CONFLICT (name) DO UPDATE SET text = excluded.text";
        let done = sqlx::query(sql).bind(name).bind(text).execute(&self.pool).await;
        done.expect("the shared store answers");
    }

    /// The text under a name, if there is one.
    pub async fn get(&self, name: &str) -> Option<String> {
        let sql = "SELECT text FROM texts WHERE name = ?";
        let row = sqlx::query(sql).bind(name).fetch_optional(&self.pool).await;
        row.expect("the shared store answers").map(|row| row.get("text"))
    }

    /// Adds to the number under a name and returns the sum. A missing number counts as 0.
    pub async fn add(&self, name: &str, more: i64) -> i64 {
        let sql = "INSERT INTO numbers (name, number) VALUES (?, ?)
                   ON CONFLICT (name) DO UPDATE SET number = number + excluded.number
                   RETURNING number";
        let row = sqlx::query(sql).bind(name).bind(more).fetch_one(&self.pool).await;
        row.expect("the shared store answers").get("number")
    }

    /// Appends a text to a list and returns its unique id.
    pub async fn push(&self, list: &str, text: &str) -> i64 {
        let sql = "INSERT INTO items (list, text) VALUES (?, ?) RETURNING id";
        let row = sqlx::query(sql).bind(list).bind(text).fetch_one(&self.pool).await;
        row.expect("the shared store answers").get("id")
    }

    /// Removes and returns the first item of a list. If the process is killed afterwards,
    /// the item is lost.
    pub async fn pop(&self, list: &str) -> Option<Item> {
        let sql = "DELETE FROM items WHERE id =
                   (SELECT id FROM items WHERE list = ? ORDER BY id LIMIT 1)
                   RETURNING id, text";
        let row = sqlx::query(sql).bind(list).fetch_optional(&self.pool).await;
        row.expect("the shared store answers").map(item)
    }

    /// Lends the first item of a list that is not lent: no other caller gets it during
    /// this time. It stays in the list until it is [removed](Self::remove). If the time
    /// passes before that, it is lent again.
    pub async fn lend(&self, list: &str, time: Duration) -> Option<Item> {
        let now = now_ms();
        let until =
            now.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let sql = "UPDATE items SET taken_until_ms = ? WHERE id =
                   (SELECT id FROM items WHERE list = ? AND taken_until_ms <= ?
                    ORDER BY id LIMIT 1)
                   RETURNING id, text";
        let lent = sqlx::query(sql).bind(until).bind(list).bind(now);
        let row = lent.fetch_optional(&self.pool).await;
        row.expect("the shared store answers").map(item)
    }

    /// Removes an item from its list, lent or not.
    pub async fn remove(&self, id: i64) {
        let sql = "DELETE FROM items WHERE id = ?";
        let done = sqlx::query(sql).bind(id).execute(&self.pool).await;
        done.expect("the shared store answers");
    }
}

fn item(row: sqlx::sqlite::SqliteRow) -> Item {
    Item { id: row.get("id"), text: row.get("text") }
}

/// Milliseconds since 1970. Here all replicas run on one machine and share its clock.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    i64::try_from(since.as_millis()).expect("the clock is right")
}
