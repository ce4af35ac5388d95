//! The heartbeat: a call at regular intervals that reads Redis' time and writes a key.
//!
//! It detects an outage on a replica without traffic, and a Redis that no longer accepts
//! writes on a replica that only reads (as
//! [`Cache::use_session`](crate::Cache::use_session) mostly does). It also closes the
//! breaker and sends the retry queue.

use crate::error::CacheDown;
use crate::link::Link;
use crate::retry_queue::RetryQueue;
use crate::sessions::SINCE;
use redis::Script;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

static BEAT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/heartbeat.lua")));

/// Runs until the last clone of the cache is dropped.
pub(crate) fn start(link: &Arc<Link>, retries: &Arc<RetryQueue>, interval: Duration) {
    let (link, retries) = (Arc::downgrade(link), Arc::downgrade(retries));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(interval).await;
            if !once(&link, &retries).await {
                return;
            }
        }
    });
}

async fn once(link: &Weak<Link>, retries: &Weak<RetryQueue>) -> bool {
    let (Some(link), Some(retries)) = (link.upgrade(), retries.upgrade()) else {
        return false;
    };
    if beat(&link).await.is_ok() {
        retries.retry(&link).await;
    }
    true
}

pub(crate) async fn beat(link: &Link) -> Result<Duration, CacheDown> {
    let (sent_at, start) = (Instant::now(), link.trust.start_call());
    let call = BEAT.key(SINCE);
    let now: i64 = link
        .call(|mut connection| async move { call.invoke_async(&mut connection).await })
        .await?;
    link.trust.call_succeeded(start, now);
    Ok(sent_at.elapsed())
}
