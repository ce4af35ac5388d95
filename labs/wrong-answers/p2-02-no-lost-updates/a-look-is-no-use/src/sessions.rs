//! Sessions in Redis. Whatever has to be one step is one script: Redis does nothing else
//! while it runs.

use crate::redis_link::Trouble;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, Script};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A session is a hash: `data`, which changes, and `ends_at`, which never does, in
/// milliseconds of Redis' clock. The replicas' clocks may differ.
const CREATE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends_at = string.format('%.0f', now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'data', ARGV[1], 'ends_at', ends_at)
redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[2]), tonumber(ARGV[3])))";

/// A use changes the expiry and nothing else: it can neither bring back what is gone nor
/// overwrite what somebody else wrote.
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

/// Compare and set. A session that is gone is not what was read, so it stays gone; `HSET`
/// leaves the expiry as it is.
const REPLACE: &str = "
if redis.call('HGET', KEYS[1], 'data') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'data', ARGV[2])
return 1";

/// How often an update is tried when others are always faster.
const ATTEMPTS: usize = 500;

/// How long a session may live.
#[derive(Clone, Copy, Debug)]
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
    limits: Limits,
}

impl Sessions {
    pub fn new(redis: ConnectionManager, limits: Limits) -> Self {
        Self { redis, limits }
    }

    /// Remembers a new session under a new id.
    pub async fn create(&self, id: &str, session: &Session) -> Result<(), Trouble> {
        let script = Script::new(CREATE);
        let mut call = script.key(key(id));
        call.arg(serde_json::to_string(session)?);
        call.arg(millis(self.limits.idle)).arg(millis(self.limits.absolute));
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    /// What is known under this id, if its session is alive. To look is to use: the idle
    /// time starts anew. The absolute time does not.
    pub async fn look(&self, id: &str) -> Result<Option<Session>, Trouble> {
        let data: Option<String> = self.redis.clone().hget(key(id), "data").await?;
        Ok(data.map(|data| serde_json::from_str(&data)).transpose()?)
    }

    /// Changes a session that is alive, and returns what it is now. `change` is called again
    /// when somebody else changed the session meanwhile.
    pub async fn update<Changing>(
        &self,
        id: &str,
        change: impl Fn(Session) -> Changing,
    ) -> Result<Option<Session>, Trouble>
    where
        Changing: Future<Output = Session>,
    {
        for _ in 0..ATTEMPTS {
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
        Err("others were always faster".into())
    }

    /// From now on nobody can use this id.
    pub async fn end(&self, id: &str) -> Result<(), Trouble> {
        Ok(self.redis.clone().del(key(id)).await?)
    }

    /// The one way to a session: to read it is to use it.
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
