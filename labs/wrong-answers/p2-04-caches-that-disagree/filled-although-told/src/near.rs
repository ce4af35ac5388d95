//! A cache in each process, and messages about what changed. A message can be lost: then
//! the time of the entry ends it.

use crate::Trouble;
use crate::local::Local;
use crate::prices::{Price, Prices};
use crate::redis_link::Redis;
use futures_util::StreamExt;
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;

/// Where the names of changed items are told.
const CHANNEL: &str = "prices";

/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Near {
    redis: Redis,
    prices: Arc<Prices>,
    local: Arc<Local>,
}

impl Near {
    pub fn new(redis: Redis, prices: Arc<Prices>, local: Arc<Local>) -> Self {
        Self { redis, prices, local }
    }

    /// From memory, or else from the database.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        if let Some(price) = self.local.get(item) {
            return Ok(price);
        }
        let price = self.prices.read(item).await?;
        self.local.fill(item, price);
        Ok(price)
    }

    /// Into the database, and all replicas are told.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        self.local.remove(item);
        let told: RedisResult<()> =
            self.redis.asking.clone().publish(CHANNEL, item).await;
        if let Err(error) = told {
            eprintln!("redis: nobody heard that {item} changed: {error}");
        }
        Ok(())
    }

    /// Hears what others wrote. Runs for as long as the process does.
    pub async fn listen(self) {
        loop {
            if let Err(error) = self.listen_once().await {
                eprintln!("redis: cannot listen: {error}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until the connection breaks.
    async fn listen_once(&self) -> RedisResult<()> {
        let mut messages = self.redis.client.get_async_pubsub().await?;
        messages.subscribe(CHANNEL).await?;
        // What was said before that, nobody heard. First listen, then forget: the other
        // way round there is a gap.
        self.local.clear();
        let mut messages = messages.on_message();
        while let Some(message) = messages.next().await {
            self.local.remove(&message.get_payload::<String>()?);
        }
        Ok(())
    }
}
