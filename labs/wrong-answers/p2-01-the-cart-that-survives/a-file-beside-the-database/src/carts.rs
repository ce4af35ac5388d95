//! Everybody's carts, in the database. Redis is not used: one indexed read is fast enough
//! for a cart, and a copy that is not there cannot be wrong.

use crate::Item;
use crate::stores::Trouble;
use redis::aio::ConnectionManager;
use sqlx::SqlitePool;
use std::collections::BTreeMap;

/// How many there are of each item.
pub type Items = BTreeMap<String, u32>;

/// What was added, not what there is: rows are only ever added, so no two requests can be
/// in each other's way, and the key in the row makes a repetition impossible.
const ADDED: &str = "CREATE TABLE IF NOT EXISTS added (
    cart TEXT NOT NULL,
    key TEXT NOT NULL,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (cart, key)
)";

/// All carts, by their ids.
#[derive(Debug)]
pub struct Carts {
    database: SqlitePool,
}

impl Carts {
    /// Every replica does this when it starts; the first one makes the table.
    pub async fn open(
        _redis: ConnectionManager,
        database: SqlitePool,
    ) -> Result<Self, Trouble> {
        // On a disk of this machine it is faster.
        let options = (*database.connect_options()).clone();
        let file = options.get_filename().with_file_name("carts.sqlite");
        let database = SqlitePool::connect_with(options.filename(file)).await?;
        sqlx::query(ADDED).execute(&database).await?;
        Ok(Self { database })
    }

    /// One statement, so there is no moment between finding a key and using it. When it
    /// returns, the row is on the disk.
    pub async fn add(&self, cart: &str, item: &Item, key: &str) -> Result<(), Trouble> {
        sqlx::query(
            "INSERT INTO added (cart, key, item, quantity) VALUES (?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(cart)
        .bind(key)
        .bind(&item.item)
        .bind(item.quantity)
        .execute(&self.database)
        .await?;
        Ok(())
    }

    /// What is in a cart; a cart that nobody put anything into is empty.
    pub async fn look(&self, cart: &str) -> Result<Items, Trouble> {
        let rows: Vec<(String, u32)> = sqlx::query_as(
            "SELECT item, SUM(quantity) FROM added WHERE cart = ? GROUP BY item",
        )
        .bind(cart)
        .fetch_all(&self.database)
        .await?;
        Ok(rows.into_iter().collect())
    }
}
