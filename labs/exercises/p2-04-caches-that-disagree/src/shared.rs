//! One cache in Redis for all replicas. This is your file. The README says what each
//! function has to do.

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

    /// Task 3: from Redis, or else from the database, and then it is in Redis.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        let mut redis = self.redis.asking.clone();
        // TODO: what if Redis is not there? The database is.
        let known: Option<String> = redis.get(key(item)).await?;
        if let Some(known) = known {
            return Ok(known.parse().ok());
        }
        let price = self.prices.read(item).await?;
        // TODO: much may have happened since that was read.
        let _: () = redis.set(key(item), spelled(price)).await?;
        Ok(price)
    }

    /// Task 3: into the database, and nobody reads the old price any more.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        // TODO: another replica may have written after this one, and be here before it.
        let _: () = self.redis.asking.clone().set(key(item), cents).await?;
        Ok(())
    }
}

fn key(item: &str) -> String {
    format!("price:{item}")
}

/// As it stands in Redis. An item that is not there is worth remembering too.
fn spelled(price: Price) -> String {
    price.map_or_else(|| "none".to_owned(), |cents| cents.to_string())
}
