//! Rate limits shared by all replicas.

use crate::Cache;
use crate::error::CacheDown;
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_take.lua")));

static GIVE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_give_back.lua")));

/// The part of a key that is the same for all buckets.
const KIND: &str = "rate";

/// The outcome of a request for a token of the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Allowed.
    Allowed {
        /// Remaining requests in this window.
        remaining: u32,
    },
    /// Refused.
    Refused {
        /// Time until the window ends.
        retry_after: Duration,
    },
}

impl Cache {
    /// Takes one from `bucket`, which holds `limit` per `window`; the window starts with
    /// the first request. Exact across all replicas within a window; two adjacent windows
    /// allow `limit` each. A call that timed out may have counted: it counts too much,
    /// never too little. A limit of 0 refuses every request.
    ///
    /// # Errors
    /// If Redis does not answer; the caller decides about the request.
    pub async fn take_permit(
        &self,
        bucket: &str,
        limit: u32,
        window: Duration,
    ) -> Result<Taken, CacheDown> {
        self.take_permits(bucket, 1, limit, window).await
    }

    /// As [`Cache::take_permit`], for `count` (at least 1) requests that were already allowed:
    /// all of them count, or none if the bucket was empty before.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub async fn take_permits(
        &self,
        bucket: &str,
        count: u32,
        limit: u32,
        window: Duration,
    ) -> Result<Taken, CacheDown> {
        let mut call = TAKE.key(self.link.key(KIND, bucket));
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        call.arg(limit).arg(window).arg(count);
        let (remaining, wait): (i64, u64) = self
            .link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await?;
        Ok(u32::try_from(remaining).map_or_else(
            |_| Taken::Refused { retry_after: Duration::from_millis(wait) },
            |remaining| Taken::Allowed { remaining },
        ))
    }

    /// Returns one that should not have counted: a login that succeeded. The window
    /// stays.
    ///
    /// # Errors
    /// If Redis does not answer; then the request counts until the window ends.
    pub async fn return_permit(&self, bucket: &str) -> Result<(), CacheDown> {
        let call = GIVE_BACK.key(self.link.key(KIND, bucket));
        self.link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await
    }
}
