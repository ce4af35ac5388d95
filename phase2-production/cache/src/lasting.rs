//! Words that must arrive: tombstones of sessions, and denials.
//!
//! They are written at once if Redis answers. If it does not, the caller is told so and the
//! word is kept and tried again with each heartbeat, until it is written or would have been
//! forgotten by Redis anyway. Until then doubt (`doubt.rs`) keeps the replicas from
//! believing what the word would have corrected. A word dies with its process; those who
//! need more ask the truth (the records) now and then.

use crate::error::CacheDown;
use crate::link::Link;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Words in one call: a long script would keep all others waiting.
const BATCH: usize = 256;

const FORGET: &str = include_str!("scripts/forget.lua");

/// What became of a word that must arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Redis has it.
    Now,
    /// Redis does not answer; it is tried again until it is written.
    Later,
}

/// A key that is to hold the word "ended" for some time.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) key: String,
    pub(crate) until: Instant,
}

impl Word {
    fn milliseconds_left(&self) -> u64 {
        let left = self.until.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
    }
}

pub(crate) struct Lasting {
    pending: Mutex<VecDeque<Word>>,
    most: usize,
}

impl Lasting {
    pub(crate) fn new(most: usize) -> Self {
        Self { pending: Mutex::default(), most }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Writes what can be written and keeps the rest.
    pub(crate) async fn write(
        &self,
        link: &Link,
        keys: Vec<String>,
        ttl: Duration,
    ) -> Written {
        let until = Instant::now() + ttl;
        let words: Vec<_> = keys.into_iter().map(|key| Word { key, until }).collect();
        // Kept before they are sent: a caller that goes away takes no word with it.
        self.keep(&words);
        match self.send(link, &words).await {
            Ok(()) => Written::Now,
            Err(down) => {
                // Whatever the reason: Redis now lacks a word that this replica knows of.
                link.doubt.failed();
                tracing::warn!(%down, words = words.len(), "Redis will be told later");
                Written::Later
            }
        }
    }

    /// What was kept, until the first trouble.
    pub(crate) async fn try_again(&self, link: &Link) {
        let words: Vec<_> = self.lock().iter().cloned().collect();
        if !words.is_empty() && self.send(link, &words).await.is_ok() {
            tracing::info!(words = words.len(), "what Redis had missed has been written");
        }
    }

    async fn send(&self, link: &Link, words: &[Word]) -> Result<(), CacheDown> {
        for batch in words.chunks(BATCH) {
            say(link, batch).await?;
            self.drop_these(batch);
        }
        Ok(())
    }

    fn keep(&self, words: &[Word]) {
        let mut pending = self.lock();
        pending.extend(words.iter().cloned());
        let beyond = pending.len().saturating_sub(self.most);
        if beyond > 0 {
            pending.drain(..beyond);
            metrics::counter!("upload_server_cache_invalidations_dropped_total")
                .increment(beyond as u64);
            tracing::error!(
                beyond,
                "too many words wait for Redis; the oldest are given up"
            );
        }
        report(&pending);
    }

    fn drop_these(&self, written: &[Word]) {
        let mut pending = self.lock();
        let done: std::collections::HashSet<_> =
            written.iter().map(|word| (&word.key, word.until)).collect();
        pending.retain(|word| !done.contains(&(&word.key, word.until)));
        report(&pending);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Word>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One script for a batch. Words whose time has passed are not worth a key.
async fn say(link: &Link, words: &[Word]) -> Result<(), CacheDown> {
    let words: Vec<_> =
        words.iter().map(|word| (&word.key, word.milliseconds_left())).collect();
    let (keys, times): (Vec<_>, Vec<_>) =
        words.into_iter().filter(|(_, left)| *left > 0).unzip();
    if keys.is_empty() {
        return Ok(());
    }
    // With its text, because one message is all that a Redis may get that falls asleep: it
    // acts on it when it wakes. By its name, it might only answer that it does not know it.
    let mut call = redis::cmd("EVAL");
    call.arg(FORGET).arg(keys.len()).arg(keys).arg(times);
    link.ask(|mut connection| async move { call.query_async(&mut connection).await })
        .await
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53 words")]
fn report(pending: &VecDeque<Word>) {
    metrics::gauge!("upload_server_cache_invalidations_pending")
        .set(pending.len() as f64);
}
