//! Sessions in Redis. Each atomic step is one script: Redis runs no other command
//! meanwhile.

use crate::redis_link::Trouble;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, Script};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A session is a hash: `data`, which changes, and `ends_at`, which never does. `ends_at`
/// is in milliseconds of Redis' clock, because the replicas' clocks may differ.
const CREATE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends_at = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'data', ARGV[1], 'ends_at', ends_at)
redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[2]), tonumber(ARGV[3])))";

/// A use changes only the expiry: it can neither recreate a session nor overwrite a
/// change.
const USE: &str = "
local seen = redis.call('HMGET', KEYS[1], 'data', 'ends_at')
if not seen[1] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(tonumber(ARGV[1]), tonumber(seen[2]) - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('PEXPIRE', KEYS[1], left)
return seen[1]";

/// Compare and set. A deleted session does not equal the read value, so it is not
/// recreated. `HSET` keeps the expiry.
const REPLACE: &str = "
if redis.call('HGET', KEYS[1], 'data') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1";

/// Maximum attempts of an update that loses against concurrent ones.
const MAX_ATTEMPTS: usize = 500;

/// The two timeouts of a session.
#[derive(Clone, Copy, Debug)]
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
    limits: Limits,
}

impl Sessions {
    pub fn new(redis: ConnectionManager, limits: Limits) -> Self {
        Self { redis, limits }
    }

    /// Stores a new session under a new id.
    pub async fn create(&self, id: &str, session: &Session) -> Result<(), Trouble> {
        let script = Script::new(CREATE);
        let mut call = script.key(key(id));
        call.arg(serde_json::to_string(session)?);
        call.arg(millis(self.limits.idle)).arg(millis(self.limits.absolute));
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    /// The session with this id, if it is alive. This is a use: the idle time starts
    /// again. The absolute time does not.
    pub async fn look(&self, id: &str) -> Result<Option<Session>, Trouble> {
        let data = self.used(id).await?;
        Ok(data.map(|data| serde_json::from_str(&data)).transpose()?)
    }

    /// Changes an alive session and returns its new state. `change` is called again if
    /// the session was changed concurrently.
    pub async fn update<Changing>(
        &self,
        id: &str,
        change: impl Fn(Session) -> Changing,
    ) -> Result<Option<Session>, Trouble>
    where
        Changing: Future<Output = Session>,
    {
        for _ in 0..MAX_ATTEMPTS {
            let Some(before) = self.used(id).await? else {
                return Ok(None);
            };
            let changed = change(serde_json::from_str(&before)?).await;
            let after = serde_json::to_string(&changed)?;
            let replaced: bool = Script::new(REPLACE)
                .key(key(id))
                .arg(before)
                .arg(after)
                .invoke_async(&mut self.redis.clone())
                .await?;
            if replaced {
                return Ok(Some(changed));
            }
        }
        Err("too many concurrent updates".into())
    }

    /// Ends the session. The id is not accepted any more.
    pub async fn end(&self, id: &str) -> Result<(), Trouble> {
        Ok(self.redis.clone().del(key(id)).await?)
    }

    /// The only access to a session. Each read is a use.
    async fn used(&self, id: &str) -> Result<Option<String>, Trouble> {
        let script = Script::new(USE);
        let mut call = script.key(key(id));
        call.arg(millis(self.limits.idle));
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }
}

fn key(id: &str) -> String {
    format!("session:{id}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
