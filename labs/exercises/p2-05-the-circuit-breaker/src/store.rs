//! Calls to Redis. This file is finished.
//!
//! Each call opens its own connection, so that the number of connections is the number of
//! calls. It has no timeout: the breaker must set one.

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};

/// Lifetime of a session, in seconds.
const SESSION_LIFETIME_S: u64 = 60 * 60;

/// A client for Redis.
#[derive(Debug)]
pub struct Store {
    client: Client,
}

impl Store {
    /// Does not connect yet: a server can start while Redis is down.
    pub fn at(url: &str) -> RedisResult<Self> {
        Ok(Self { client: Client::open(url)? })
    }

    /// The user of the session with this id; `None` if it does not exist.
    pub async fn user_of(&self, id: &str) -> RedisResult<Option<String>> {
        self.connect().await?.get(key(id)).await
    }

    /// Stores a session with this id.
    pub async fn remember(&self, id: &str, username: &str) -> RedisResult<()> {
        self.connect().await?.set_ex(key(id), username, SESSION_LIFETIME_S).await
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let without_timeouts = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        self.client.get_multiplexed_async_connection_with_config(&without_timeouts).await
    }
}

fn key(id: &str) -> String {
    format!("session:{id}")
}
