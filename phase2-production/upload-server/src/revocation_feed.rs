//! Revocations of other replicas, polled from the database.
//!
//! The replica that revokes a session or token also writes the revocation to Redis. If it
//! is cut off from Redis, or killed in between, that write is lost. So every replica
//! polls the database for recent revocations and writes them to Redis again: one short
//! query, for any number of sessions.
//!
//! Guarantee: [`MAX_PROPAGATION_DELAY`] after a revocation has committed, no replica
//! accepts an older answer from Redis. Either the replica's last poll began after the
//! commit and has written the revocation to Redis (or its writes to Redis failed, and it
//! trusts only newer entries), or it [lags](RevocationFeed::is_lagging) and asks the
//! database. So a revocation that did not reach Redis is answered [after that
//! delay](acknowledged_by_all).
//!
//! Gap: a replica without access to the database goes on with the answers of Redis. If no
//! replica has access, nothing can be revoked. If only this one has none, it misses a
//! revocation that another replica could not write to Redis.

use crate::clock::now;
use futures_util::future::BoxFuture;
use records::revocations::{BATCH_SIZE, MAX_VISIBILITY_DELAY_MS, Revocation};
use records::{AnyConnection, Records, RecordsError, Scope};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Time between two polls of the database.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Time after which every replica has applied a revocation; longer than three polls.
pub(crate) const MAX_PROPAGATION_DELAY: Duration = Duration::from_secs(1);

/// Failed polls after which the database counts as unavailable. One poll may fail because
/// the process was paused.
const MAX_FAILED_POLLS: u32 = 2;

/// Query for the revocations after a given one.
pub(crate) type Query =
    for<'t> fn(
        &'t mut AnyConnection,
        Revocation,
    ) -> BoxFuture<'t, Result<Vec<Revocation>, RecordsError>>;

/// One replica's feed. Clones share it; it polls until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct RevocationFeed {
    progress: Arc<Progress>,
    _poller: Arc<AbortOnDropHandle<()>>,
}

impl RevocationFeed {
    /// Starts polling: `query` reads the database, `publish` writes the new names to Redis.
    /// Must be called in a Tokio runtime.
    pub(crate) fn start<Publish, Published>(
        records: Records,
        query: Query,
        publish: Publish,
    ) -> Self
    where
        Publish: Fn(Vec<String>) -> Published + Send + 'static,
        Published: Future<Output = ()> + Send,
    {
        let progress = Arc::new(Progress::default());
        let reports = Arc::clone(&progress);
        let poller = tokio::spawn(async move {
            let since = now() - MAX_VISIBILITY_DELAY_MS;
            let mut feed = Poller { records, query, since, known: HashSet::new() };
            loop {
                let began = Instant::now();
                match timeout(MAX_PROPAGATION_DELAY, feed.poll()).await {
                    Ok(Ok(revoked)) => {
                        if !revoked.is_empty() {
                            publish(revoked).await;
                        }
                        reports.succeeded(began);
                    }
                    Ok(Err(_)) | Err(_) => reports.failed(),
                }
                sleep(POLL_INTERVAL).await;
            }
        });
        let poller = Arc::new(AbortOnDropHandle::new(poller));
        Self { progress, _poller: poller }
    }

    /// Stops polling.
    #[cfg(test)]
    pub(crate) fn stop(&self) {
        self._poller.abort();
    }

    /// Whether this replica may miss a revocation that it should have applied, while the
    /// database can be asked. Call it before asking Redis: an answer that Redis gave
    /// before a poll may be older than the revocations of that poll.
    pub(crate) fn is_lagging(&self) -> bool {
        let state = self.progress.lock();
        let is_current = state.complete_until.is_some_and(|complete_until| {
            complete_until.elapsed() < MAX_PROPAGATION_DELAY
        });
        // While polls fail, the last failure is at most this old.
        let is_recent = |at: Instant| at.elapsed() < 2 * MAX_PROPAGATION_DELAY;
        let database_down =
            state.failures >= MAX_FAILED_POLLS && state.failed_at.is_some_and(is_recent);
        !is_current && !database_down
    }
}

/// Call it after a commit that did not reach Redis. When it returns, every replica has
/// applied the revocation.
pub(crate) async fn acknowledged_by_all() {
    sleep(MAX_PROPAGATION_DELAY).await;
}

#[derive(Default)]
struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// Every revocation committed before this time has been applied.
    complete_until: Option<Instant>,
    /// Consecutive failed polls.
    failures: u32,
    failed_at: Option<Instant>,
}

impl Progress {
    fn succeeded(&self, began: Instant) {
        *self.lock() = State { complete_until: Some(began), ..State::default() };
    }

    fn failed(&self) {
        metrics::counter!("upload_server_revocation_poll_failures_total").increment(1);
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.failed_at = Some(Instant::now());
    }

    /// Every change under the lock is one step, so a panic leaves no partial change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Poller {
    records: Records,
    query: Query,
    since: i64,
    /// Revocations of the last poll; the next one returns some of them again.
    known: HashSet<Revocation>,
}

impl Poller {
    /// Revocations that no earlier poll returned.
    async fn poll(&mut self) -> Result<Vec<String>, RecordsError> {
        let (began, mut ends) = (now(), Vec::new());
        let mut after = Revocation::since(self.since);
        loop {
            let (query, next) = (self.query, after.clone());
            let page_read =
                self.records.poll(Scope::Housekeeping, move |tx| query(tx, next));
            let page = page_read.await?;
            let is_last = page.len() < BATCH_SIZE;
            ends.extend(page);
            match ends.last() {
                Some(last) if !is_last => after = last.clone(),
                _ => break,
            }
        }
        let new = ends.iter().filter(|end| !self.known.contains(end));
        let new = new.map(|end| end.name.clone()).collect();
        self.since = began - MAX_VISIBILITY_DELAY_MS;
        self.known = ends.into_iter().collect();
        Ok(new)
    }
}
