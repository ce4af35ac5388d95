//! A cache in Redis that all replicas share. The database is the source of truth: without
//! Redis, it answers.

use crate::Trouble;
use crate::prices::{Price, Prices};
use crate::redis_link::Redis;
use redis::{AsyncCommands, RedisResult, Script};
use std::sync::Arc;
use std::time::Duration;

/// Fills in one atomic step, only if no write has happened since the version was read.
const FILL: &str = "
if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
";

/// Lifetime of an item's version, in milliseconds. It must be longer than any read.
const VERSION_TTL_MS: i64 = 10 * 60 * 1000;

pub struct Shared {
    redis: Redis,
    prices: Arc<Prices>,
    ttl: Duration,
    fill: Script,
}

impl Shared {
    pub fn new(redis: Redis, prices: Arc<Prices>, ttl: Duration) -> Self {
        Self { redis, prices, ttl, fill: Script::new(FILL) }
    }

    /// Reads Redis, or else the database, and then fills Redis.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        let known = self.known(item).await;
        if let Ok((Some(price), _)) = &known {
            return Ok(price.parse().ok());
        }
        let price = self.prices.read(item).await?;
        if let Ok((None, version)) = known {
            // A failed fill only costs another read.
            let _not_filled = self.fill(item, price, &version).await;
        }
        Ok(price)
    }

    /// Writes the database and then deletes the entry in Redis. In the other order, a
    /// concurrent read would fill the old price. If Redis is down, the delete fails, and
    /// the entry's expiry limits the time.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        let mut invalidate = redis::pipe();
        invalidate.atomic().incr(version(item), 1).pexpire(version(item), VERSION_TTL_MS);
        invalidate.del(key(item));
        let deleted: RedisResult<()> =
            invalidate.query_async(&mut self.redis.asking.clone()).await;
        if let Err(error) = deleted {
            eprintln!("redis: {item} may be outdated until it expires: {error}");
        }
        Ok(())
    }

    /// The cached price of an item, and the item's version at the same moment.
    async fn known(&self, item: &str) -> RedisResult<(Option<String>, String)> {
        let mut redis = self.redis.asking.clone();
        let (price, version): (_, Option<String>) =
            redis.mget(&[key(item), version(item)]).await?;
        Ok((price, version.unwrap_or_default()))
    }

    async fn fill(&self, item: &str, price: Price, seen: &str) -> RedisResult<()> {
        let mut fill = self.fill.key(key(item));
        fill.key(version(item)).arg(seen).arg(encoded(price));
        fill.arg(self.ttl.as_millis() as u64);
        fill.invoke_async(&mut self.redis.asking.clone()).await
    }
}

fn key(item: &str) -> String {
    format!("price:{item}")
}

/// Incremented by each write.
fn version(item: &str) -> String {
    format!("version:{item}")
}

/// The value in Redis. Items that do not exist are cached as well.
fn encoded(price: Price) -> String {
    price.map_or_else(|| "none".to_owned(), |cents| cents.to_string())
}
