//! The carts of all customers, in the database. Redis is not used: an indexed read is
//! fast enough for a cart, and a cache that does not exist cannot be outdated.

use crate::Item;
use crate::stores::Trouble;
use redis::aio::ConnectionManager;
use sqlx::SqlitePool;
use std::collections::BTreeMap;

/// Quantity of each item.
pub type Items = BTreeMap<String, u32>;

/// One row per addition. Rows are only inserted, so concurrent requests cannot interfere,
/// and the key in the row prevents duplicates.
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
    /// Opens the carts. Each replica does this when it starts; the first creates the
    /// table.
    pub async fn open(
        _redis: ConnectionManager,
        database: SqlitePool,
    ) -> Result<Self, Trouble> {
        sqlx::query(ADDED).execute(&database).await?;
        Ok(Self { database })
    }

    /// Adds an item in one statement, so no other request can run between checking the
    /// key and using it. When it returns, the row is on disk.
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

    /// The items of a cart. An unknown cart is empty.
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
