//! Sessions in Redis. This is your file. The README describes its defects.

use crate::redis_link::Trouble;
use redis::AsyncCommands;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The two timeouts of a session.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // TODO: not used yet.
pub struct Limits {
    /// Maximum time without a use.
    pub idle: Duration,
    /// Maximum time since the login, used or not.
    pub absolute: Duration,
}

/// The data of a session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Session {
    pub username: String,
    pub notes: Vec<String>,
}

/// The sessions of all replicas, in Redis. The process itself stores none.
pub struct Sessions {
    redis: ConnectionManager,
    #[allow(dead_code)]
    limits: Limits,
}

impl Sessions {
    pub fn new(redis: ConnectionManager, limits: Limits) -> Self {
        Self { redis, limits }
    }

    /// Stores a new session under a new id.
    pub async fn create(&self, id: &str, session: &Session) -> Result<(), Trouble> {
        // TODO: what removes the session if the user never logs out?
        self.write(id, session).await
    }

    /// The session with this id, if it is alive. This is a use: the idle time starts
    /// again. The absolute time does not.
    pub async fn look(&self, id: &str) -> Result<Option<Session>, Trouble> {
        // TODO: count this as a use
        self.read(id).await
    }

    /// Changes an alive session and returns its new state. `change` may take time and may
    /// be called again.
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
        // TODO: is the value that was read above still stored?
        self.write(id, &changed).await?;
        Ok(Some(changed))
    }

    /// Ends the session. The id is not accepted any more.
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
