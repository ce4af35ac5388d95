//! Cached sessions: looked up and kept alive in one round trip, filled with care.
//!
//! The key is `session:` and the proof (SHA-256) of the session's id. The value is JSON: the
//! version of the row it was read from, when it was read, its absolute end, and what the
//! caller wants to know of it; or the word `ended`.

use crate::Cache;
use crate::error::CacheDown;
use crate::lasting::Written;
use redis::{FromRedisValue, Script, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::time::Duration;

/// Since when this Redis remembers, in microseconds of its clock: emptied, it forgets that
/// too, and the next reader writes it anew.
pub(crate) const SINCE: &str = "cache:since";

/// An idle time that means that a look is no use.
pub(crate) const ONLY_LOOK: u64 = 0;

static GET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/session_get.lua")));

static FILL: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/session_fill.lua")));

/// A moment of Redis' clock, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub(crate) i64);

impl Moment {
    /// How much later this is than `other`; zero if it is earlier.
    #[must_use]
    pub fn since(self, other: Self) -> Duration {
        let micros = self.0.saturating_sub(other.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// What is cached of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCopy<T> {
    /// Of the row in the truth; grows with each change of it.
    pub version: i64,
    /// Beyond which it does not live, milliseconds since 1970.
    pub ends_at: i64,
    /// When Redis was asked, before the truth was: all that was true then is in it.
    pub read_at: Moment,
    /// What the caller wants to know.
    pub session: T,
}

/// What Redis knows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It lives, as far as can be known without the truth.
    Live {
        /// What was cached.
        copy: SessionCopy<T>,
        /// Until it dies if nobody uses it.
        time_left: Duration,
        /// The time.
        now: Moment,
    },
    /// It was ended, and its id is dead.
    Ended,
    /// Nothing that can be believed: ask the truth, and fill with `now`.
    Nothing {
        /// The time.
        now: Moment,
    },
}

/// What became of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It is cached.
    Stored,
    /// The session has been ended since it was read: it is dead.
    Ended,
    /// What is cached is as new, or newer.
    Known,
    /// Redis was emptied, or this replica had trouble with it, since the session was read.
    Late,
    /// Its time is over.
    Over,
}

impl Cache {
    /// Looks up a session as a use of it: it lives for `idle` from now (a share of it less
    /// if it was used a moment ago: `glance.rs`), or until its absolute end. Never creates,
    /// never changes what is cached.
    ///
    /// # Errors
    /// When Redis does not answer: then only the truth knows.
    pub async fn use_session<T: DeserializeOwned>(
        &self,
        proof: &str,
        idle: Duration,
    ) -> Result<Found<T>, CacheDown> {
        let key = key(proof);
        if let Some(live) = self.glance(&key, idle).await? {
            return Ok(live);
        }
        self.look_up(key, milliseconds(idle)).await
    }

    /// Looks up a session without using it.
    ///
    /// # Errors
    /// As [`Cache::use_session`].
    pub async fn peek_session<T: DeserializeOwned>(
        &self,
        proof: &str,
    ) -> Result<Found<T>, CacheDown> {
        self.look_up(key(proof), ONLY_LOOK).await
    }

    pub(crate) async fn look_up<T: DeserializeOwned>(
        &self,
        key: String,
        idle: u64,
    ) -> Result<Found<T>, CacheDown> {
        let begun = self.link.doubt.begin();
        let mut call = GET.key(key);
        call.key(SINCE).arg(idle);
        let mut answer: Vec<Value> = self
            .link
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        let now: i64 = read(&mut answer)?;
        self.link.doubt.answered(begun, now);
        let (what, now): (String, _) = (read(&mut answer)?, Moment(now));
        if what != "live" {
            return Ok(if what == "ended" {
                Found::Ended
            } else {
                Found::Nothing { now }
            });
        }
        let text: String = read(&mut answer)?;
        let left: u64 = read(&mut answer)?;
        // What another version of this program wrote is not understood and not believed.
        let copy = serde_json::from_str::<SessionCopy<T>>(&text).ok();
        let copy = copy.filter(|copy| self.link.doubt.believes(copy.read_at.0));
        Ok(copy.map_or(Found::Nothing { now }, |copy| Found::Live {
            copy,
            time_left: Duration::from_millis(left),
            now,
        }))
    }

    /// Caches a session that was read from the truth after `copy.read_at`, for `idle_left`
    /// or until its absolute end.
    ///
    /// # Errors
    /// When Redis does not answer, or is full. Nothing is lost: it can be read again.
    pub async fn fill_session<T: Serialize + Sync>(
        &self,
        proof: &str,
        copy: &SessionCopy<T>,
        idle_left: Duration,
    ) -> Result<Filled, CacheDown> {
        self.fill(key(proof), copy, idle_left).await
    }

    pub(crate) async fn fill<T: Serialize + Sync>(
        &self,
        key: String,
        copy: &SessionCopy<T>,
        idle_left: Duration,
    ) -> Result<Filled, CacheDown> {
        // Between then and now a tombstone may have been lost that would have stopped us.
        if !self.link.doubt.believes(copy.read_at.0) {
            return Ok(Filled::Late);
        }
        let value = serde_json::to_string(copy)
            .map_err(|error| CacheDown::Refused(error.to_string()))?;
        let mut call = FILL.key(key);
        call.key(SINCE).arg(value).arg(milliseconds(idle_left));
        call.arg(copy.version).arg(copy.read_at.0).arg(copy.ends_at);
        let done: String = self
            .link
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        Ok(match done.as_str() {
            "stored" => Filled::Stored,
            "ended" => Filled::Ended,
            "known" => Filled::Known,
            "over" => Filled::Over,
            _ => Filled::Late,
        })
    }

    /// Writes tombstones: for `ttl`, nobody can fill these sessions in again. Give it the
    /// longest that a session can live, and no slow reader can outwait it. Call it after the
    /// truth has been told. What cannot be written now is written later.
    pub async fn forget_sessions(&self, proofs: &[String], ttl: Duration) -> Written {
        let keys = proofs.iter().map(|proof| key(proof)).collect();
        self.lasting.write(&self.link, keys, ttl).await
    }
}

fn key(proof: &str) -> String {
    format!("session:{proof}")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(ONLY_LOOK + 1)
}

/// The next part of a script's answer.
fn read<T: FromRedisValue>(answer: &mut Vec<Value>) -> Result<T, CacheDown> {
    let misread = || CacheDown::Refused("a script answered too little".to_owned());
    let next = (!answer.is_empty()).then(|| answer.remove(0)).ok_or_else(misread)?;
    T::from_redis_value(next).map_err(|error| CacheDown::Refused(error.to_string()))
}
