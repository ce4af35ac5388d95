//! The heartbeat: a call at regular intervals that reads Redis' time and identity, and writes
//! a key.
//!
//! It detects an outage on a replica without traffic, and a Redis that no longer accepts
//! writes on a replica that only reads (as
//! [`Cache::use_session`](crate::Cache::use_session) mostly does). It detects another Redis
//! behind the same connection, and evictions. It also closes the breaker and sends the retry
//! queue.

use crate::error::CacheDown;
use crate::identity::RedisId;
use crate::link::Link;
use crate::retry_queue::RetryQueue;
use crate::startup::NO_EVICTION;
use crate::trust::Beat;
use redis::Script;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

static BEAT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/heartbeat.lua")));

/// The reply of the script: time, run id, replication id, eviction policy, evicted keys.
type Reply = (i64, String, String, String, i64);

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
    let mut call = BEAT.key(link.since_key());
    call.key(link.key("cache", "redis"));
    let reply: Result<Reply, CacheDown> = link
        .call(|mut connection| async move { call.invoke_async(&mut connection).await })
        .await;
    match reply {
        Ok((now, run_id, replication_id, policy, evicted)) if !run_id.is_empty() => {
            let redis = RedisId::new(&run_id, &replication_id);
            let may_evict = policy != NO_EVICTION;
            link.trust.heartbeat_received(start, Beat { redis, now, evicted, may_evict });
            Ok(sent_at.elapsed())
        }
        // Without an identity no copy can be trusted.
        Ok(_) => {
            link.trust.call_failed();
            Err(CacheDown::Refused("INFO does not contain a run_id".to_owned()))
        }
        Err(down) => {
            link.trust.call_failed();
            Err(down)
        }
    }
}
