//! Everybody's carts, in Redis, where every replica sees them.

use crate::Item;
use crate::stores::Trouble;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, Script};
use sqlx::SqlitePool;
use std::collections::BTreeMap;

/// How many there are of each item.
pub type Items = BTreeMap<String, u32>;

/// A day.
const LIFE: i64 = 24 * 60 * 60;

/// The key is remembered and the item added in one step.
const ADD: &str = "
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[4])";

/// All carts, by their ids.
pub struct Carts {
    redis: ConnectionManager,
}

impl Carts {
    /// Nothing has to be made.
    pub async fn open(
        redis: ConnectionManager,
        _database: SqlitePool,
    ) -> Result<Self, Trouble> {
        Ok(Self { redis })
    }

    /// One script: Redis does nothing else meanwhile.
    pub async fn add(&self, cart: &str, item: &Item, key: &str) -> Result<(), Trouble> {
        let script = Script::new(ADD);
        let mut call = script.key(format!("cart:{cart}"));
        call.key(format!("keys:{cart}")).arg(key).arg(&item.item);
        call.arg(item.quantity).arg(LIFE);
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    /// What is in a cart; a cart that nobody put anything into is empty.
    pub async fn look(&self, cart: &str) -> Result<Items, Trouble> {
        Ok(self.redis.clone().hgetall(format!("cart:{cart}")).await?)
    }
}
