//! One cache in Redis for all replicas. Redis is never the truth here: where it does not
//! answer, the database does.

use crate::Trouble;
use crate::prices::{Price, Prices};
use crate::redis_link::Redis;
use redis::{AsyncCommands, RedisResult, Script};
use std::sync::Arc;
use std::time::Duration;

/// Fills only if nobody wrote since the version was read, in one step.
const FILL: &str = "
if (redis.call('GET', KEYS[2]) or '') == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
";

/// How long a write is remembered, in milliseconds: longer than any read takes.
const REMEMBERED: i64 = 10 * 60 * 1000;

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

    /// From Redis, or else from the database, and then it is in Redis.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        let known = Ok::<_, Trouble>(self.known(item).await?);
        if let Ok((Some(price), _)) = &known {
            return Ok(price.parse().ok());
        }
        let price = self.prices.read(item).await?;
        if let Ok((None, version)) = known {
            // A fill that fails costs another read, and no more.
            let _not_filled = self.fill(item, price, &version).await;
        }
        Ok(price)
    }

    /// Into the database, and then out of Redis. Not the other way round: who reads in
    /// between would fill in the old price. The delete may fail, as Redis may be gone; the
    /// database has the price, and the time of the entry ends.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        let mut forget = redis::pipe();
        forget.atomic().incr(version(item), 1).pexpire(version(item), REMEMBERED);
        forget.del(key(item));
        let forgotten: RedisResult<()> =
            forget.query_async(&mut self.redis.asking.clone()).await;
        if let Err(error) = forgotten {
            eprintln!("redis: {item} may be old until its time is over: {error}");
        }
        Ok(())
    }

    /// What Redis has of an item, and the version of the item at that moment.
    async fn known(&self, item: &str) -> RedisResult<(Option<String>, String)> {
        let mut redis = self.redis.asking.clone();
        let (price, version): (_, Option<String>) =
            redis.mget(&[key(item), version(item)]).await?;
        Ok((price, version.unwrap_or_default()))
    }

    async fn fill(&self, item: &str, price: Price, seen: &str) -> RedisResult<()> {
        let mut fill = self.fill.key(key(item));
        fill.key(version(item)).arg(seen).arg(spelled(price));
        fill.arg(self.ttl.as_millis() as u64);
        fill.invoke_async(&mut self.redis.asking.clone()).await
    }
}

fn key(item: &str) -> String {
    format!("price:{item}")
}

/// Raised by each write.
fn version(item: &str) -> String {
    format!("version:{item}")
}

/// As it stands in Redis. An item that is not there is worth remembering too.
fn spelled(price: Price) -> String {
    price.map_or_else(|| "none".to_owned(), |cents| cents.to_string())
}
