//! A cache in Redis that all replicas share. This is your file. The README describes each
//! function.

use crate::Trouble;
use crate::prices::{Price, Prices};
use crate::redis_link::Redis;
use redis::AsyncCommands;
use std::sync::Arc;
use std::time::Duration;

pub struct Shared {
    redis: Redis,
    prices: Arc<Prices>,
    #[allow(dead_code)]
    ttl: Duration,
}

impl Shared {
    pub fn new(redis: Redis, prices: Arc<Prices>, ttl: Duration) -> Self {
        Self { redis, prices, ttl }
    }

    /// Task 3: reads Redis, or else the database, and then fills Redis.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        let mut redis = self.redis.asking.clone();
        // TODO: what if Redis is down? The database is available.
        let known: Option<String> = redis.get(key(item)).await?;
        if let Some(known) = known {
            return Ok(known.parse().ok());
        }
        let price = self.prices.read(item).await?;
        // TODO: the price may have changed since the read.
        let _: () = redis.set(key(item), encoded(price)).await?;
        Ok(price)
    }

    /// Task 3: writes the database and removes the old price from the cache.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        // TODO: another replica may have written the database after this one and the
        // cache before it.
        let _: () = self.redis.asking.clone().set(key(item), cents).await?;
        Ok(())
    }
}

fn key(item: &str) -> String {
    format!("price:{item}")
}

/// The value in Redis. Items that do not exist are cached as well.
fn encoded(price: Price) -> String {
    price.map_or_else(|| "none".to_owned(), |cents| cents.to_string())
}
