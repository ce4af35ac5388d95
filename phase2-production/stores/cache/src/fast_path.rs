//! The read-only fast path of a session lookup: three reads and no write.
//!
//! Every request looks up its session, so this is the most frequent call. The script of
//! `sessions.rs` extends the idle time with each use, and a script that writes costs
//! Redis several times a read. But a use shortly after another extends the idle time only
//! slightly. So it is extended after a [share](WRITE_INTERVAL_SHARE) of the idle time,
//! and until then the session is only read: it may expire early by up to that share, and
//! never late.
//!
//! The fast path returns only a live copy of the trust epoch. In every other case the
//! script decides.

use crate::Cache;
use crate::error::CacheDown;
use crate::sessions::{Found, SessionCopy};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The idle time divided by this is the minimum interval between two extensions: 28
/// seconds for half an hour.
const WRITE_INTERVAL_SHARE: u32 = 64;

impl Cache {
    /// The session, if its copy is live, trusted, and was used recently.
    pub(crate) async fn read_fast_path<T: DeserializeOwned>(
        &self,
        key: &str,
        idle: Duration,
    ) -> Result<Option<Found<T>>, CacheDown> {
        let start = self.link.trust.start_call();
        let mut reads = redis::pipe();
        reads.get(key).pttl(key).cmd("TIME");
        let (text, ttl_ms, (seconds, micros)): (Option<String>, i64, (i64, i64)) = self
            .link
            .call(
                |mut connection| async move { reads.query_async(&mut connection).await },
            )
            .await?;
        let now = seconds * 1_000_000 + micros;
        let copy =
            text.and_then(|text| serde_json::from_str::<SessionCopy<T>>(&text).ok());
        let Some(copy) = copy.filter(|copy| self.link.trust.trusts(copy.read_at)) else {
            return Ok(None);
        };
        let time_left = milliseconds(ttl_ms);
        let at_most = idle.min(milliseconds(copy.ends_at - now / 1_000));
        let used_recently = time_left + idle / WRITE_INTERVAL_SHARE >= at_most;
        let is_live = !time_left.is_zero() && !at_most.is_zero();
        Ok((is_live && used_recently).then_some(Found::Live {
            copy,
            time_left,
            now: self.link.trust.time(start, now),
        }))
    }
}

/// PTTL returns -1 for a key without expiry and -2 for a missing key; both become zero.
fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
