//! What is asked of Redis. This file is finished.
//!
//! Each question makes a connection of its own, so that whoever counts connections counts
//! questions. It waits for as long as it takes: a limit is for the breaker to set.

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};

/// Seconds that a login lives.
const LIFE: u64 = 60 * 60;

/// The way to Redis.
#[derive(Debug)]
pub struct Store {
    client: Client,
}

impl Store {
    /// Nothing is connected yet: a server can start while Redis is down.
    pub fn at(url: &str) -> RedisResult<Self> {
        Ok(Self { client: Client::open(url)? })
    }

    /// Who is logged in under this id; `None` when nobody is.
    pub async fn user_of(&self, id: &str) -> RedisResult<Option<String>> {
        self.connect().await?.get(key(id)).await
    }

    /// Logs somebody in under this id.
    pub async fn remember(&self, id: &str, username: &str) -> RedisResult<()> {
        self.connect().await?.set_ex(key(id), username, LIFE).await
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&patient).await
    }
}

fn key(id: &str) -> String {
    format!("session:{id}")
}
