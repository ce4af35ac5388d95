//! A look at a session that was used a moment ago: three reads, and nothing is written.
//!
//! Every request asks who is calling, so this is what a replica does most. The script of
//! `sessions.rs` moves the idle time with each use, and a script that writes costs Redis
//! several times what a read does. But a use a moment after another moves the idle time by
//! a moment. So it is moved when a [share](WORTH_WRITING) of it has passed since it was last
//! moved, and until then only read: a session dies up to that share early, and never late.
//!
//! Nothing is decided here that the script would decide otherwise: only a copy that lives
//! and is believed is taken; for whatever else there is, the script is asked.

use crate::Cache;
use crate::error::CacheDown;
use crate::sessions::{Found, Moment, SessionCopy};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The part of the idle time that has to pass before a use is written down: of half an
/// hour, 28 seconds.
const WORTH_WRITING: u32 = 64;

impl Cache {
    /// The session, if it lives, is believed, and was used a moment ago.
    pub(crate) async fn glance<T: DeserializeOwned>(
        &self,
        key: &str,
        idle: Duration,
    ) -> Result<Option<Found<T>>, CacheDown> {
        let mut reads = redis::pipe();
        reads.get(key).pttl(key).cmd("TIME");
        let (text, left_ms, (seconds, micros)): (Option<String>, i64, (i64, i64)) = self
            .link
            .ask(|mut connection| async move { reads.query_async(&mut connection).await })
            .await?;
        let now = seconds * 1_000_000 + micros;
        let copy =
            text.and_then(|text| serde_json::from_str::<SessionCopy<T>>(&text).ok());
        let Some(copy) = copy.filter(|copy| self.link.doubt.believes(copy.read_at.0))
        else {
            return Ok(None);
        };
        let time_left = milliseconds(left_ms);
        let at_most = idle.min(milliseconds(copy.ends_at - now / 1_000));
        let lately = time_left + idle / WORTH_WRITING >= at_most;
        let lives = !time_left.is_zero() && !at_most.is_zero();
        Ok((lives && lately).then_some(Found::Live { copy, time_left, now: Moment(now) }))
    }
}

/// Redis says -1 of a key without an end and -2 of none: neither is a time.
fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
