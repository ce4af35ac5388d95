//! Sessions in Redis. This is your file. The README says what is wrong with it.

use crate::redis_link::Trouble;
use redis::AsyncCommands;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a session may live.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // TODO: nobody asks for them yet.
pub struct Limits {
    /// Without being used.
    pub idle: Duration,
    /// At all, used or not.
    pub absolute: Duration,
}

/// What is known of somebody who is logged in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Session {
    pub username: String,
    pub notes: Vec<String>,
}

/// All sessions of all replicas: this one remembers nothing by itself.
pub struct Sessions {
    redis: ConnectionManager,
    #[allow(dead_code)]
    limits: Limits,
}

impl Sessions {
    pub fn new(redis: ConnectionManager, limits: Limits) -> Self {
        Self { redis, limits }
    }

    /// Remembers a new session under a new id.
    pub async fn create(&self, id: &str, session: &Session) -> Result<(), Trouble> {
        // TODO: who removes it, if nobody logs out?
        self.write(id, session).await
    }

    /// What is known under this id, if its session is alive. To look is to use: the idle
    /// time starts anew. The absolute time does not.
    pub async fn look(&self, id: &str) -> Result<Option<Session>, Trouble> {
        // TODO: to use
        self.read(id).await
    }

    /// Changes a session that is alive, and returns what it is now. `change` may take its
    /// time; it may be called again if that turns out to be necessary.
    pub async fn update<Changing>(
        &self,
        id: &str,
        change: impl Fn(Session) -> Changing,
    ) -> Result<Option<Session>, Trouble>
    where
        Changing: Future<Output = Session>,
    {
        let Some(session) = self.read(id).await? else {
            return Ok(None);
        };
        let changed = change(session).await;
        // TODO: is what was read above still so?
        self.write(id, &changed).await?;
        Ok(Some(changed))
    }

    /// From now on nobody can use this id.
    pub async fn end(&self, id: &str) -> Result<(), Trouble> {
        Ok(self.redis.clone().del(key(id)).await?)
    }

    async fn read(&self, id: &str) -> Result<Option<Session>, Trouble> {
        let text: Option<String> = self.redis.clone().get(key(id)).await?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    async fn write(&self, id: &str, session: &Session) -> Result<(), Trouble> {
        let text = serde_json::to_string(session)?;
        Ok(self.redis.clone().set(key(id), text).await?)
    }
}

fn key(id: &str) -> String {
    format!("session:{id}")
}
