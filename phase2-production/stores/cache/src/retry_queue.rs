//! The retry queue for invalidations that must reach Redis: tombstones of sessions, and
//! denials.
//!
//! They are written at once if Redis answers. Otherwise the caller gets [`Written::Queued`],
//! and each heartbeat retries the queue until the write succeeds or the key would have expired
//! in Redis. Until then the trust epoch (`trust.rs`) keeps the replicas from using the copies
//! that the invalidation would have removed. The queue is lost with its process; a program
//! that needs more polls the database for revocations.

use crate::error::CacheDown;
use crate::link::Link;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Invalidations in one call: a long script would block all other clients of Redis.
const BATCH_SIZE: usize = 256;

const TOMBSTONE: &str = include_str!("scripts/tombstone.lua");

/// The outcome of a write that must reach Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Redis has it.
    Now,
    /// Redis does not answer. The write is in the retry queue.
    Queued,
}

/// A key that must hold the value `ended` until a time.
#[derive(Clone, Debug)]
pub(crate) struct PendingInvalidation {
    pub(crate) key: String,
    pub(crate) until: Instant,
}

impl PendingInvalidation {
    fn ttl_ms(&self) -> u64 {
        let ttl = self.until.saturating_duration_since(Instant::now());
        u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
    }
}

pub(crate) struct RetryQueue {
    pending: Mutex<VecDeque<PendingInvalidation>>,
    max_pending: usize,
}

impl RetryQueue {
    pub(crate) fn new(max_pending: usize) -> Self {
        Self { pending: Mutex::default(), max_pending }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Writes an invalidation of each key, and queues those that fail.
    pub(crate) async fn write(
        &self,
        link: &Link,
        keys: Vec<String>,
        ttl: Duration,
    ) -> Written {
        let until = Instant::now() + ttl;
        let new: Vec<_> =
            keys.into_iter().map(|key| PendingInvalidation { key, until }).collect();
        // Queued before they are sent, because the caller may be dropped during the call.
        self.push(&new);
        match self.send(link, &new).await {
            Ok(()) => Written::Now,
            Err(down) => {
                // After any error Redis lacks this invalidation.
                link.trust.call_failed();
                tracing::warn!(%down, invalidations = new.len(), "queued for Redis");
                Written::Queued
            }
        }
    }

    /// Sends the queue, until the first failure.
    pub(crate) async fn retry(&self, link: &Link) {
        let queued: Vec<_> = self.lock().iter().cloned().collect();
        if !queued.is_empty() && self.send(link, &queued).await.is_ok() {
            tracing::info!(
                invalidations = queued.len(),
                "the retry queue has been written to Redis"
            );
        }
    }

    async fn send(
        &self,
        link: &Link,
        queued: &[PendingInvalidation],
    ) -> Result<(), CacheDown> {
        for batch in queued.chunks(BATCH_SIZE) {
            write_batch(link, batch).await?;
            self.remove(batch);
        }
        Ok(())
    }

    fn push(&self, new: &[PendingInvalidation]) {
        let mut pending = self.lock();
        pending.extend(new.iter().cloned());
        let excess = pending.len().saturating_sub(self.max_pending);
        if excess > 0 {
            pending.drain(..excess);
            metrics::counter!("upload_server_cache_invalidations_dropped_total")
                .increment(excess as u64);
            tracing::error!(
                excess,
                "the retry queue for Redis is full; the oldest entries are dropped"
            );
        }
        report(&pending);
    }

    fn remove(&self, written: &[PendingInvalidation]) {
        let mut pending = self.lock();
        let done: std::collections::HashSet<_> =
            written.iter().map(|one| (&one.key, one.until)).collect();
        pending.retain(|one| !done.contains(&(&one.key, one.until)));
        report(&pending);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<PendingInvalidation>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a batch with one script, without the entries that have expired.
async fn write_batch(
    link: &Link,
    batch: &[PendingInvalidation],
) -> Result<(), CacheDown> {
    let (keys, ttls): (Vec<_>, Vec<_>) = batch
        .iter()
        .map(|one| (&one.key, one.ttl_ms()))
        .filter(|(_, ttl)| *ttl > 0)
        .unzip();
    if keys.is_empty() {
        return Ok(());
    }
    // EVAL with the text, because a paused Redis may receive only one message and executes it
    // when it resumes. EVALSHA might only reply then that the script is not loaded.
    let mut call = redis::cmd("EVAL");
    call.arg(TOMBSTONE).arg(keys.len()).arg(keys).arg(ttls);
    link.call(|mut connection| async move { call.query_async(&mut connection).await })
        .await
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53 entries")]
fn report(pending: &VecDeque<PendingInvalidation>) {
    metrics::gauge!("upload_server_cache_invalidations_pending")
        .set(pending.len() as f64);
}
