//! A cache in each process, with messages about changes. A message can be lost: then the
//! expiry of the entry limits the time.

use crate::Trouble;
use crate::local::Local;
use crate::prices::{Price, Prices};
use crate::redis_link::Redis;
use futures_util::StreamExt;
use redis::{AsyncCommands, RedisResult};
use std::sync::Arc;
use std::time::Duration;

/// The channel with the names of changed items.
const CHANNEL: &str = "prices";

/// Pause between two attempts to subscribe.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

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

    /// Reads the cache, or else the database.
    pub async fn read(&self, item: &str) -> Result<Price, Trouble> {
        if let Some(price) = self.local.get(item) {
            return Ok(price);
        }
        let changes = self.local.changes();
        let price = self.prices.read(item).await?;
        self.local.fill_if_unchanged(item, price, changes);
        Ok(price)
    }

    /// Writes the database and publishes the change to all replicas.
    pub async fn write(&self, item: &str, cents: i64) -> Result<(), Trouble> {
        self.prices.write(item, cents).await?;
        self.local.remove(item);
        let published: RedisResult<()> =
            self.redis.asking.clone().publish(CHANNEL, item).await;
        if let Err(error) = published {
            eprintln!("redis: cannot publish the change of {item}: {error}");
        }
        Ok(())
    }

    /// Receives the changes of other replicas. Runs until the process ends.
    pub async fn listen(self) {
        loop {
            if let Err(error) = self.listen_once().await {
                eprintln!("redis: cannot subscribe: {error}");
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Receives messages until the connection breaks.
    async fn listen_once(&self) -> RedisResult<()> {
        let mut messages = self.redis.client.get_async_pubsub().await?;
        messages.subscribe(CHANNEL).await?;
        // Earlier messages may have been lost. Subscribe first, then clear: the other
        // order leaves a gap.
        self.local.clear();
        let mut messages = messages.on_message();
        while let Some(message) = messages.next().await {
            self.local.remove(&message.get_payload::<String>()?);
        }
        Ok(())
    }
}
