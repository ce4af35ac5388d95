//! Cached sessions: looked up and extended in one round trip, filled only with current
//! copies.
//!
//! The key is the deployment, `session:` and the hash of the session id. The value is JSON
//! (the version of the row, the time of the read, the absolute end, and the caller's data), or
//! `ended`: a tombstone.

use crate::Cache;
use crate::error::CacheDown;
use crate::identity::RedisTime;
use crate::retry_queue::Written;
use redis::{FromRedisValue, Script, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::Duration;

/// The idle time that means a lookup without a use.
pub(crate) const PEEK: u64 = 0;

static GET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/session_get.lua")));

static FILL: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/session_fill.lua")));

/// The cached copy of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCopy<T> {
    /// Version of the database row; increases with each change.
    pub version: i64,
    /// Absolute end, milliseconds since 1970.
    pub ends_at: i64,
    /// Redis' time before the database was read: the copy includes every commit until
    /// then.
    pub read_at: RedisTime,
    /// The caller's data.
    pub session: T,
}

/// The result of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The session is live, as of the cached copy.
    Live {
        /// The copy.
        copy: SessionCopy<T>,
        /// Remaining idle time.
        time_left: Duration,
        /// Redis' time.
        now: RedisTime,
    },
    /// A tombstone: the session was ended.
    Ended,
    /// No usable copy: read the database, and fill with `now`.
    Miss {
        /// Redis' time.
        now: RedisTime,
        /// Whether a copy is there that cannot be trusted: then the session exists or existed,
        /// and its id is not made up.
        has_copy: bool,
        /// Whether this Redis has timed that copy itself: then the session was used within
        /// its idle time, although it may have ended since.
        in_use: bool,
    },
}

/// The outcome of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The copy is stored.
    Stored,
    /// Refused: a tombstone was written since the read.
    Ended,
    /// Refused: the cached copy is as new, or newer.
    NotNewer,
    /// Refused: since the read Redis was flushed, another Redis took its place, or a call of
    /// this replica failed.
    Outdated,
    /// Refused: the session has expired.
    Expired,
}

impl Cache {
    /// Looks up a session and extends its idle time to `idle` from now (`fast_path.rs`
    /// explains when the extension is skipped), at most until its absolute end. Never
    /// creates a session and never changes a copy.
    ///
    /// # Errors
    /// If Redis does not reply: then ask the database.
    pub async fn use_session<T: DeserializeOwned>(
        &self,
        session_id_hash: &str,
        idle: Duration,
    ) -> Result<Found<T>, CacheDown> {
        let key = self.session_key(session_id_hash);
        if let Some(live) = self.read_fast_path(&key, idle).await? {
            return Ok(live);
        }
        self.look_up(key, milliseconds(idle)).await
    }

    /// Looks up a session without extending its idle time.
    ///
    /// # Errors
    /// As [`Cache::use_session`].
    pub async fn peek_session<T: DeserializeOwned>(
        &self,
        session_id_hash: &str,
    ) -> Result<Found<T>, CacheDown> {
        self.look_up(self.session_key(session_id_hash), PEEK).await
    }

    pub(crate) async fn look_up<T: DeserializeOwned>(
        &self,
        key: String,
        idle: u64,
    ) -> Result<Found<T>, CacheDown> {
        let start = self.link.trust.start_call();
        let mut call = GET.key(key);
        call.key(self.link.since_key()).arg(idle);
        let mut reply: Vec<Value> = self
            .link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await?;
        let now: i64 = read(&mut reply)?;
        let (state, now) =
            (read::<String>(&mut reply)?, self.link.trust.time(start, now));
        match state.as_str() {
            "live" => {}
            "ended" => return Ok(Found::Ended),
            _ => return Ok(Found::Miss { now, has_copy: false, in_use: false }),
        }
        let text: String = read(&mut reply)?;
        let ttl_ms: u64 = read(&mut reply)?;
        // A copy that another version of this program wrote may be unreadable and is
        // ignored.
        let copy = serde_json::from_str::<SessionCopy<T>>(&text).ok();
        let trust = &self.link.trust;
        let in_use = copy.as_ref().is_some_and(|copy| trust.has_timed(copy.read_at));
        let copy = copy.filter(|copy| trust.trusts(copy.read_at));
        Ok(copy.map_or(Found::Miss { now, has_copy: true, in_use }, |copy| Found::Live {
            copy,
            time_left: Duration::from_millis(ttl_ms),
            now,
        }))
    }

    /// Caches a session that was read from the database after `copy.read_at`, for
    /// `idle_left` or until its absolute end.
    ///
    /// # Errors
    /// If Redis does not reply or is full. No data is lost: the session can be read
    /// again.
    pub async fn fill_session<T: Serialize + Sync>(
        &self,
        session_id_hash: &str,
        copy: &SessionCopy<T>,
        idle_left: Duration,
    ) -> Result<Filled, CacheDown> {
        self.fill(self.session_key(session_id_hash), copy, idle_left).await
    }

    pub(crate) async fn fill<T: Serialize + Sync>(
        &self,
        key: String,
        copy: &SessionCopy<T>,
        idle_left: Duration,
    ) -> Result<Filled, CacheDown> {
        // A tombstone for this session may have been lost since the read.
        if !self.link.trust.trusts(copy.read_at) {
            return Ok(Filled::Outdated);
        }
        let value = serde_json::to_string(copy)
            .map_err(|error| CacheDown::Refused(error.to_string()))?;
        let mut call = FILL.key(key);
        call.key(self.link.since_key()).arg(value).arg(milliseconds(idle_left));
        call.arg(copy.version).arg(copy.read_at.micros).arg(copy.ends_at);
        call.arg(copy.read_at.redis.to_string());
        let outcome: String = self
            .link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await?;
        Ok(match outcome.as_str() {
            "stored" => Filled::Stored,
            "ended" => Filled::Ended,
            "known" => Filled::NotNewer,
            "over" => Filled::Expired,
            _ => Filled::Outdated,
        })
    }

    /// Writes tombstones: for `ttl` no replica can fill these sessions. `ttl` must be the
    /// longest life of a session, so that no slow reader can outlast it. Call it after
    /// the commit in the database. A failed write is retried later.
    pub async fn invalidate_sessions(
        &self,
        session_id_hashes: &[String],
        ttl: Duration,
    ) -> Written {
        let keys = session_id_hashes.iter().map(|hash| self.session_key(hash)).collect();
        self.retries.write(&self.link, keys, ttl).await
    }

    fn session_key(&self, session_id_hash: &str) -> String {
        self.link.key("session", session_id_hash)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(PEEK + 1)
}

/// The next element of a script's reply.
fn read<T: FromRedisValue>(reply: &mut Vec<Value>) -> Result<T, CacheDown> {
    let too_short = || CacheDown::Refused("a script's reply is too short".to_owned());
    let next = (!reply.is_empty()).then(|| reply.remove(0)).ok_or_else(too_short)?;
    T::from_redis_value(next).map_err(|error| CacheDown::Refused(error.to_string()))
}
