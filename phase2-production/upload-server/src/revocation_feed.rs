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
//! trusts only newer entries), or it [lags](FeedStatus::Lagging) and asks the database. So a revocation that did not reach Redis is answered [after that
//! delay](acknowledged_by_all).
//!
//! An outage of the database must not undo a revocation from before it. A replica that lagged
//! already when the outage began ([`FeedStatus::Lagging`]) refuses, because it may miss a
//! revocation. Only if the database fell silent right after a complete poll
//! ([`FeedStatus::DatabaseDown`]) do the answers of Redis count. And a revocation that did not
//! reach Redis is acknowledged only if the database still answers after the delay: otherwise
//! the other replicas may not have polled it.
//!
//! Gap: a replica that alone has no access to the database goes on with the answers of Redis.
//! It misses a revocation that another replica could not write to Redis.

use futures_util::future::BoxFuture;
use http_edge::time_limit::within;
use records::revocations::{BATCH_SIZE, MAX_VISIBILITY_DELAY_MS, Revocation};
use records::{AnyConnection, Records, RecordsError, Scope, clock};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// Time between two polls of the database.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Time after which every replica has applied a revocation; longer than three polls.
pub(crate) const MAX_PROPAGATION_DELAY: Duration = Duration::from_secs(1);

/// Longer than this the poller cannot be late, unless the process was paused.
const MAX_POLLER_PAUSE: Duration = Duration::from_secs(1);

/// What this replica knows of the revocations of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedStatus {
    /// Every acknowledged revocation has been applied.
    Current,
    /// The database fell silent within the delay after a complete poll. While it is silent,
    /// nothing is revoked: use the answers of Redis without asking it.
    DatabaseDown,
    /// A revocation may be missing: ask the database, and refuse if it does not answer. So it
    /// is after a pause of the process, and before the first poll.
    Lagging,
}

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
            let mut feed = Poller::new(records, query);
            loop {
                let began = Instant::now();
                reports.begins(began);
                match within("revocation poll", MAX_PROPAGATION_DELAY, feed.poll()).await
                {
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

    /// Call it before asking Redis: an answer that Redis gave before a poll may be older than
    /// the revocations of that poll.
    pub(crate) fn status(&self) -> FeedStatus {
        self.progress.lock().status(Instant::now())
    }
}

/// Call it after a commit that did not reach Redis. When it returns, every replica has
/// applied the revocation.
///
/// # Errors
/// When the database does not answer after the delay: then the others may not have polled.
pub(crate) async fn acknowledged_by_all(records: &Records) -> Result<(), RecordsError> {
    sleep(MAX_PROPAGATION_DELAY).await;
    records.now().await.map(drop)
}

#[derive(Default)]
struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    /// Every revocation committed before this time has been applied.
    complete_until: Option<Instant>,
    /// The begin of the first poll after the last complete one.
    asked_since: Option<Instant>,
    /// The time until which the poller must report again, unless the process was paused.
    expected_by: Option<Instant>,
    /// The process was paused since the last complete poll.
    was_paused: bool,
}

impl State {
    fn status(&self, now: Instant) -> FeedStatus {
        let Some(complete_until) = self.complete_until else {
            return FeedStatus::Lagging;
        };
        let within_delay =
            |at: Instant| at.duration_since(complete_until) < MAX_PROPAGATION_DELAY;
        if within_delay(now) {
            return FeedStatus::Current;
        }
        let runs = !self.was_paused && self.expected_by.is_some_and(|by| now <= by);
        if runs && self.asked_since.is_some_and(within_delay) {
            FeedStatus::DatabaseDown
        } else {
            FeedStatus::Lagging
        }
    }

    /// The poller runs now, and reports again after `next` at the latest.
    fn report(&mut self, now: Instant, next: Duration) {
        self.was_paused |= self.expected_by.is_some_and(|by| now > by);
        self.expected_by = Some(now + next + MAX_POLLER_PAUSE);
    }
}

impl Progress {
    fn begins(&self, now: Instant) {
        let mut state = self.lock();
        state.report(now, MAX_PROPAGATION_DELAY);
        state.asked_since.get_or_insert(now);
    }

    fn succeeded(&self, began: Instant) {
        let mut state = self.lock();
        *state = State { complete_until: Some(began), ..State::default() };
        state.report(Instant::now(), POLL_INTERVAL);
    }

    fn failed(&self) {
        metrics::counter!("upload_server_revocation_poll_failures_total").increment(1);
        self.lock().report(Instant::now(), POLL_INTERVAL);
    }

    /// Every change under the lock is one step, so a panic leaves no partial change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Poller {
    records: Records,
    query: Query,
    started: Instant,
    /// The database's time from which the next poll reads; `None` before the first complete
    /// poll.
    since: Option<i64>,
    /// Revocations of the last poll; the next one returns some of them again.
    known: HashSet<Revocation>,
}

impl Poller {
    fn new(records: Records, query: Query) -> Self {
        let (started, known) = (Instant::now(), HashSet::new());
        Self { records, query, started, since: None, known }
    }

    /// Revocations that no earlier poll returned.
    async fn poll(&mut self) -> Result<Vec<String>, RecordsError> {
        let (began, mut page) = self.first_page().await?;
        let mut ends: Vec<Revocation> = Vec::new();
        loop {
            let is_last = page.len() < BATCH_SIZE;
            ends.extend(page);
            let Some(last) = ends.last().filter(|_| !is_last) else {
                break;
            };
            let (query, next) = (self.query, last.clone());
            let read = self.records.poll(Scope::Housekeeping, move |tx| query(tx, next));
            page = read.await?;
        }
        let new = ends.iter().filter(|end| !self.known.contains(end));
        let new = new.map(|end| end.name.clone()).collect();
        self.since = Some(began.saturating_sub(MAX_VISIBILITY_DELAY_MS));
        self.known = ends.into_iter().collect();
        Ok(new)
    }

    /// The first page of a poll, and the database's time before it was read. The first poll
    /// reads everything since the start of the feed.
    async fn first_page(&self) -> Result<(i64, Vec<Revocation>), RecordsError> {
        let (query, since) = (self.query, self.since);
        let age = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let read = self.records.poll(Scope::Housekeeping, move |tx| {
            Box::pin(async move {
                let now = clock::now(tx).await?;
                let latest = now.saturating_sub(MAX_VISIBILITY_DELAY_MS);
                let since = since.unwrap_or(latest.saturating_sub(age)).min(latest);
                Ok((now, query(tx, Revocation::since(since)).await?))
            })
        });
        read.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A state whose last complete poll began at `start`.
    fn complete(start: Instant) -> State {
        let mut state = State { complete_until: Some(start), ..State::default() };
        state.report(start + ms(5), POLL_INTERVAL);
        state
    }

    fn begins(state: &mut State, at: Instant) {
        state.report(at, MAX_PROPAGATION_DELAY);
        state.asked_since.get_or_insert(at);
    }

    #[test]
    fn replica_without_a_complete_poll_lags() {
        assert_eq!(State::default().status(Instant::now()), FeedStatus::Lagging);
    }

    #[test]
    fn silence_right_after_a_poll_is_an_outage() {
        let start = Instant::now();
        let mut state = complete(start);
        begins(&mut state, start + ms(305));
        assert_eq!(state.status(start + ms(999)), FeedStatus::Current);
        assert_eq!(state.status(start + ms(1_200)), FeedStatus::DatabaseDown);
        for round in 0..20 {
            let failed = start + ms(1_305 + round * 1_300);
            state.report(failed, POLL_INTERVAL);
            assert_eq!(state.status(failed + ms(100)), FeedStatus::DatabaseDown);
            begins(&mut state, failed + ms(300));
        }
    }

    /// Whatever the poller did when the process was paused, and whatever comes first after it.
    #[test]
    fn pause_before_an_outage_is_a_lag() {
        let start = Instant::now();
        for asked_before in [false, true] {
            let mut state = complete(start);
            if asked_before {
                begins(&mut state, start + ms(305));
            }
            let resumed = start + ms(5_000);
            assert_eq!(state.status(resumed), FeedStatus::Lagging);
            if asked_before {
                state.report(resumed, POLL_INTERVAL);
            }
            begins(&mut state, resumed + ms(300));
            assert_eq!(state.status(resumed + ms(400)), FeedStatus::Lagging);
            state.report(resumed + ms(500), POLL_INTERVAL);
            assert_eq!(state.status(resumed + ms(600)), FeedStatus::Lagging);
        }
    }
}
