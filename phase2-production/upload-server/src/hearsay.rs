//! What others ended, heard from the truth.
//!
//! A replica that ends a session or a token tells Redis so itself. If it is cut off from
//! Redis, or killed at that moment, nobody else would tell. So every replica asks the records
//! all the time what has ended lately, and tells Redis again: one short query, however much
//! there is that could end, for a promise that does not depend on one process.
//!
//! The promise: [`KNOWN_AFTER`] an end was committed, no replica takes what Redis says
//! without having heard of it. Either its last look at the records began later, and it has
//! told Redis (or had trouble with it, and believes nothing that is older), or it is
//! [behind](Hearsay::is_behind) and asks the records. So an end that Redis could not be told
//! of is answered [after that time](heard_by_all).
//!
//! What is left: a replica that the records do not answer goes on with what Redis says. If
//! the records answer nobody, nothing can end. If they answer others and not this replica,
//! then an end is not known here that one of those could not tell Redis of.

use crate::clock::now;
use futures_util::future::BoxFuture;
use records::ends::{AT_ONCE, End, LATEST_MS};
use records::{AnyConnection, Records, RecordsError, Scope};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Between two looks at the records.
const EVERY: Duration = Duration::from_millis(300);

/// When an end is known to every replica: more than three looks fit in.
pub(crate) const KNOWN_AFTER: Duration = Duration::from_secs(1);

/// Looks without an answer after which the records are taken to be away: one look may fail
/// because this process was stopped for a while.
const SILENT_AFTER: u32 = 2;

/// Asks for the ends after one.
pub(crate) type Ask = for<'t> fn(
    &'t mut AnyConnection,
    End,
) -> BoxFuture<'t, Result<Vec<End>, RecordsError>>;

/// What one replica has heard. Clones share it; it listens until the last is dropped.
#[derive(Clone)]
pub(crate) struct Hearsay {
    heard: Arc<Heard>,
    _listening: Arc<AbortOnDropHandle<()>>,
}

impl Hearsay {
    /// Listens from now on: `ask` the records for what ended, `tell` Redis its names. Must be
    /// called in a Tokio runtime.
    pub(crate) fn listen<Tell, Told>(records: Records, ask: Ask, tell: Tell) -> Self
    where
        Tell: Fn(Vec<String>) -> Told + Send + 'static,
        Told: Future<Output = ()> + Send,
    {
        let heard = Arc::new(Heard::default());
        let tells = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            let since = now() - LATEST_MS;
            let mut ear = Ear { records, ask, since, known: HashSet::new() };
            loop {
                let began = Instant::now();
                match timeout(KNOWN_AFTER, ear.listen()).await {
                    Ok(Ok(ended)) => {
                        if !ended.is_empty() {
                            tell(ended).await;
                        }
                        tells.all_until(began);
                    }
                    Ok(Err(_)) | Err(_) => tells.nothing(),
                }
                sleep(EVERY).await;
            }
        });
        let listening = Arc::new(AbortOnDropHandle::new(listening));
        Self { heard, _listening: listening }
    }

    /// From now on nothing more is heard.
    #[cfg(test)]
    pub(crate) fn stop(&self) {
        self._listening.abort();
    }

    /// Whether something may have ended so long ago that this replica should know of it and
    /// does not, and the records can be asked. Look before Redis is asked: what Redis said
    /// before a look at the records is older than what the look told it.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.heard.lock();
        let knows = state.until.is_some_and(|until| until.elapsed() < KNOWN_AFTER);
        // Between two looks that fail, the last failure is not older than this.
        let lately = |at: Instant| at.elapsed() < 2 * KNOWN_AFTER;
        let silent =
            state.failures >= SILENT_AFTER && state.failed_at.is_some_and(lately);
        !knows && !silent
    }
}

/// For an end that is committed and that Redis could not be told of: when this returns,
/// every replica has heard of it.
pub(crate) async fn heard_by_all() {
    sleep(KNOWN_AFTER).await;
}

#[derive(Default)]
struct Heard(Mutex<State>);

#[derive(Default)]
struct State {
    /// Everything that was committed before has been heard of.
    until: Option<Instant>,
    /// Looks in a row that had no answer.
    failures: u32,
    failed_at: Option<Instant>,
}

impl Heard {
    fn all_until(&self, began: Instant) {
        *self.lock() = State { until: Some(began), ..State::default() };
    }

    fn nothing(&self) {
        metrics::counter!("upload_server_revocation_poll_failures_total").increment(1);
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.failed_at = Some(Instant::now());
    }

    /// One step under the lock each; a panic cannot leave half of one behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ear {
    records: Records,
    ask: Ask,
    since: i64,
    /// What was heard before and will be heard again.
    known: HashSet<End>,
}

impl Ear {
    /// What ended and was not heard of before.
    async fn listen(&mut self) -> Result<Vec<String>, RecordsError> {
        let (began, mut ends) = (now(), Vec::new());
        let mut after = End::before(self.since);
        loop {
            let (ask, next) = (self.ask, after.clone());
            let asked = self.records.listen(Scope::Housekeeping, move |tx| ask(tx, next));
            let page = asked.await?;
            let is_last = page.len() < AT_ONCE;
            ends.extend(page);
            match ends.last() {
                Some(last) if !is_last => after = last.clone(),
                _ => break,
            }
        }
        let new = ends.iter().filter(|end| !self.known.contains(end));
        let new = new.map(|end| end.name.clone()).collect();
        self.since = began - LATEST_MS;
        self.known = ends.into_iter().collect();
        Ok(new)
    }
}
