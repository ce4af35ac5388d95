//! A store that all replicas share: the database at `DATABASE_URL`. This file is finished.
//!
//! Each function is one step: whatever other replicas do at the same time, they see all of
//! it or nothing of it. What a function has returned from outlives the process. When the
//! store does not answer, the request ends with a panic; what else could be done is a
//! question for Phase 2.

// The starter does not use everything.
#![allow(dead_code)]

use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest that one step may wait for those of others.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS texts (name TEXT PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, number INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        list TEXT NOT NULL,
        text TEXT NOT NULL,
        taken_until_ms INTEGER NOT NULL DEFAULT 0
    );";

/// Something in a list.
#[derive(Debug)]
pub struct Item {
    pub id: i64,
    pub text: String,
}

/// The store. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Shared {
    pool: SqlitePool,
}

impl Shared {
    /// Opens it, and makes what is missing.
    pub async fn open(url: &str) -> Self {
        let options = SqliteConnectOptions::from_str(url)
            .unwrap_or_else(|error| support::give_up(&format!("DATABASE_URL: {error}")))
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(PATIENCE);
        let deadline = Instant::now() + PATIENCE;
        // Replicas that start at the same moment all try to make it.
        loop {
            let pool = SqlitePoolOptions::new().max_connections(1);
            let opened = match pool.connect_with(options.clone()).await {
                Ok(pool) => sqlx::raw_sql(TABLES).execute(&pool).await.map(|_| pool),
                Err(error) => Err(error),
            };
            match opened {
                Ok(pool) => return Self { pool },
                Err(error) if Instant::now() > deadline => {
                    support::give_up(&format!("the shared store does not open: {error}"))
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Keeps a text under a name, instead of what was there.
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

    /// Adds to the number under a name, and returns the sum. A number that was never there
    /// counts as 0.
    pub async fn add(&self, name: &str, more: i64) -> i64 {
        let sql = "INSERT INTO numbers (name, number) VALUES (?, ?)
                   ON CONFLICT (name) DO UPDATE SET number = number + excluded.number
                   RETURNING number";
        let row = sqlx::query(sql).bind(name).bind(more).fetch_one(&self.pool).await;
        row.expect("the shared store answers").get("number")
    }

    /// Adds a text to the end of a list, and returns its id, which no other text has.
    pub async fn push(&self, list: &str, text: &str) -> i64 {
        let sql = "INSERT INTO items (list, text) VALUES (?, ?) RETURNING id";
        let row = sqlx::query(sql).bind(list).bind(text).fetch_one(&self.pool).await;
        row.expect("the shared store answers").get("id")
    }

    /// Removes the first item of a list. If the process dies now, the item dies with it.
    pub async fn pop(&self, list: &str) -> Option<Item> {
        let sql = "DELETE FROM items WHERE id =
                   (SELECT id FROM items WHERE list = ? ORDER BY id LIMIT 1)
                   RETURNING id, text";
        let row = sqlx::query(sql).bind(list).fetch_optional(&self.pool).await;
        row.expect("the shared store answers").map(item)
    }

    /// Lends the first item of a list that is not lent: for so long nobody else gets it.
    /// It stays in the list until it is [removed](Self::remove); when the time is over and
    /// it is still there, it is lent again.
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

/// Milliseconds since 1970. All replicas are on one machine here, and have one clock.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    i64::try_from(since.as_millis()).expect("the clock is right")
}
