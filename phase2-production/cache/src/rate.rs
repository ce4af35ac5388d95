//! Rate limits that hold for all replicas together.

use crate::Cache;
use crate::error::CacheDown;
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_take.lua")));

static GIVE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/rate_give_back.lua")));

/// Whether one more is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Yes, and so many more in this window.
    Allowed {
        /// How many.
        left: u32,
    },
    /// No.
    Refused {
        /// Until the window has passed.
        retry_after: Duration,
    },
}

impl Cache {
    /// Takes one from `bucket`, of which there are `limit` in a `window` that begins with
    /// the first taken. Exact over all replicas within one window; two windows that follow
    /// each other allow `limit` each. A call that timed out may have counted: it counts too
    /// much and never too little. A limit of 0 refuses everybody.
    ///
    /// # Errors
    /// When Redis does not answer; what that means for the request is the caller's to say.
    pub async fn take(
        &self,
        bucket: &str,
        limit: u32,
        window: Duration,
    ) -> Result<Taken, CacheDown> {
        self.take_many(bucket, 1, limit, window).await
    }

    /// As [`Cache::take`], for `count` (at least 1) that were already let through: they are
    /// counted all, or none if the bucket was empty before.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn take_many(
        &self,
        bucket: &str,
        count: u32,
        limit: u32,
        window: Duration,
    ) -> Result<Taken, CacheDown> {
        let mut call = TAKE.key(key(bucket));
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        call.arg(limit).arg(window).arg(count);
        let (left, wait): (i64, u64) = self
            .link
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        Ok(u32::try_from(left).map_or_else(
            |_| Taken::Refused { retry_after: Duration::from_millis(wait) },
            |left| Taken::Allowed { left },
        ))
    }

    /// Puts one back that should not have counted: a login that succeeded. The window stays.
    ///
    /// # Errors
    /// When Redis does not answer; then it counts until the window has passed.
    pub async fn give_back(&self, bucket: &str) -> Result<(), CacheDown> {
        let call = GIVE_BACK.key(key(bucket));
        self.link
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await
    }
}

fn key(bucket: &str) -> String {
    format!("rate:{bucket}")
}
