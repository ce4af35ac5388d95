//! The identity of a Redis, and times by its clock.
//!
//! A connection says nothing about the server behind it: a proxy may change the server, and a
//! client library may connect again without a failed call. So the heartbeat reads two numbers
//! from `INFO`: `run_id`, which is new with each process, and `master_replid`, which is new
//! after each promotion, also of a process that was the primary before.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A hash of `run_id` and `master_replid`. It is stored in each copy, so it is short.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RedisId(u64);

impl RedisId {
    /// No copy with this identity is ever trusted.
    pub(crate) const UNKNOWN: Self = Self(0);

    /// FNV-1a, because every replica must compute the same number.
    pub(crate) fn new(run_id: &str, replication_id: &str) -> Self {
        let text = run_id.bytes().chain(*b"/").chain(replication_id.bytes());
        Self(text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

impl fmt::Display for RedisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for RedisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As text, because the numbers of a Lua script have 53 bits.
impl Serialize for RedisId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RedisId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A time by the clock of one Redis. Times of two servers cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisTime {
    /// Microseconds since 1970.
    #[serde(rename = "us")]
    pub(crate) micros: i64,
    #[serde(rename = "by")]
    pub(crate) redis: RedisId,
}

impl RedisTime {
    /// The time since `other`; zero if this is earlier. `None` if another Redis measured
    /// `other`.
    #[must_use]
    pub fn since(self, other: Self) -> Option<Duration> {
        let micros = self.micros.saturating_sub(other.micros);
        let passed = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        (self.redis == other.redis).then_some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_changes_with_process_and_promotion() {
        let one = RedisId::new("run", "replication");
        assert_eq!(one, RedisId::new("run", "replication"));
        for other in [
            RedisId::new("another", "replication"),
            RedisId::new("run", "another"),
            RedisId::new("runreplication", ""),
            RedisId::UNKNOWN,
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn time_of_another_redis_has_no_distance() {
        let at = |micros, run_id| RedisTime { micros, redis: RedisId::new(run_id, "") };
        assert_eq!(at(7, "a").since(at(2, "a")), Some(Duration::from_micros(5)));
        assert_eq!(at(2, "a").since(at(7, "a")), Some(Duration::ZERO));
        assert_eq!(at(7, "a").since(at(2, "b")), None);
        let text = serde_json::to_string(&at(7, "a")).unwrap();
        assert_eq!(serde_json::from_str::<RedisTime>(&text).unwrap(), at(7, "a"));
    }
}
