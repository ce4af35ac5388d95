//! Everybody's carts: in Redis at once, and in the database a little later.

use crate::Item;
use crate::stores::Trouble;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, Script};
use sqlx::SqlitePool;
use std::collections::BTreeMap;
use std::time::Duration;

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

/// A day.
const LIFE: i64 = 24 * 60 * 60;

/// The key is remembered and the item added in one step.
const ADD: &str = "
local new = redis.call('SADD', KEYS[2], ARGV[1])
if new == 1 then
  redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return new";

/// All carts, by their ids.
#[derive(Debug)]
pub struct Carts {
    redis: ConnectionManager,
    database: SqlitePool,
}

impl Carts {
    /// Every replica does this when it starts; the first one makes the table.
    pub async fn open(
        redis: ConnectionManager,
        database: SqlitePool,
    ) -> Result<Self, Trouble> {
        sqlx::query(ADDED).execute(&database).await?;
        Ok(Self { redis, database })
    }

    /// In Redis it is fast. The database is written by a task, so that nobody has to wait
    /// for the disk.
    pub async fn add(&self, cart: &str, item: &Item, key: &str) -> Result<(), Trouble> {
        // So that Redis has all of the cart, also after it was emptied.
        self.look(cart).await?;
        let script = Script::new(ADD);
        let mut call = script.key(format!("cart:{cart}"));
        call.key(format!("keys:{cart}")).arg(key).arg(&item.item);
        call.arg(item.quantity).arg(LIFE);
        let _: bool = call.invoke_async(&mut self.redis.clone()).await?;
        let (database, cart, key) =
            (self.database.clone(), cart.to_owned(), key.to_owned());
        let (item, quantity) = (item.item.clone(), item.quantity);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let added = sqlx::query(
                "INSERT INTO added (cart, key, item, quantity) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO NOTHING",
            )
            .bind(cart)
            .bind(key)
            .bind(item)
            .bind(quantity)
            .execute(&database)
            .await;
            added.inspect_err(|error| eprintln!("an item is lost: {error}"))
        });
        Ok(())
    }

    /// What is in a cart; a cart that nobody put anything into is empty.
    pub async fn look(&self, cart: &str) -> Result<Items, Trouble> {
        let key = format!("cart:{cart}");
        let copy: Items = self.redis.clone().hgetall(&key).await.unwrap_or_default();
        if !copy.is_empty() {
            return Ok(copy);
        }
        let rows: Vec<(String, u32)> = sqlx::query_as(
            "SELECT item, SUM(quantity) FROM added WHERE cart = ? GROUP BY item",
        )
        .bind(cart)
        .fetch_all(&self.database)
        .await?;
        if !rows.is_empty() {
            let _: () = redis::pipe()
                .hset_multiple(&key, &rows)
                .ignore()
                .expire(&key, LIFE)
                .ignore()
                .query_async(&mut self.redis.clone())
                .await?;
        }
        Ok(rows.into_iter().collect())
    }
}
