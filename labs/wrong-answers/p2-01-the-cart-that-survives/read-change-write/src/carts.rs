//! Everybody's carts, in the database.

use crate::Item;
use crate::stores::Trouble;
use redis::aio::ConnectionManager;
use sqlx::SqlitePool;
use std::collections::BTreeMap;

/// How many there are of each item.
pub type Items = BTreeMap<String, u32>;

/// One row for each cart, and what is in it as JSON.
const CARTS: &str = "CREATE TABLE IF NOT EXISTS carts (
    cart TEXT NOT NULL PRIMARY KEY,
    items TEXT NOT NULL
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
        sqlx::query(CARTS).execute(&database).await?;
        Ok(Self { database })
    }

    /// Reads the cart, puts the item in, writes it back.
    pub async fn add(&self, cart: &str, item: &Item, _key: &str) -> Result<(), Trouble> {
        let mut items = self.look(cart).await?;
        *items.entry(item.item.clone()).or_default() += item.quantity;
        sqlx::query("INSERT OR REPLACE INTO carts (cart, items) VALUES (?, ?)")
            .bind(cart)
            .bind(serde_json::to_string(&items)?)
            .execute(&self.database)
            .await?;
        Ok(())
    }

    /// What is in a cart; a cart that nobody put anything into is empty.
    pub async fn look(&self, cart: &str) -> Result<Items, Trouble> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT items FROM carts WHERE cart = ?")
                .bind(cart)
                .fetch_optional(&self.database)
                .await?;
        Ok(row.map_or(Ok(Items::new()), |(items,)| serde_json::from_str(&items))?)
    }
}
