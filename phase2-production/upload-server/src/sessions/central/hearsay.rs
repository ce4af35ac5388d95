//! What others ended, heard from the truth.
//!
//! A replica that ends a session tells Redis so itself. If it is cut off from Redis, or
//! killed at that moment, nobody else would tell. So every replica asks the truth now and
//! then what has ended lately, and tells Redis again: one short query, however many sessions
//! there are, for a promise that does not depend on one process.

use cache::Cache;
use records::{Records, RecordsError, Scope, sessions};
use std::collections::HashSet;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// How often to ask.
const EVERY: Duration = Duration::from_millis(500);

/// When every replica has asked: it has told Redis, or had trouble with it, and then it
/// believes nothing that was cached before.
pub(super) const KNOWN_AFTER: Duration = Duration::from_secs(1);

/// An end carries the clock of the replica that wrote it, from before its commit. So much
/// later it may become visible: the longest transaction, and two clocks that differ.
const LATEST_MS: i64 = 10_000;

/// Listens until it is dropped. `life` is how long a session can live.
pub(super) fn listen(
    records: Records,
    cache: Cache,
    life: Duration,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut ear = Ear { since: super::now() - LATEST_MS, heard: HashSet::new() };
        loop {
            tokio::time::sleep(EVERY).await;
            match ear.listen(&records).await {
                Ok(ended) if ended.is_empty() => {}
                Ok(ended) => {
                    cache.forget_sessions(&ended, life).await;
                }
                Err(error) => tracing::debug!(%error, "nothing was heard of what ended"),
            }
        }
    }))
}

struct Ear {
    since: i64,
    /// What was heard before and will be heard again.
    heard: HashSet<String>,
}

impl Ear {
    /// What ended and was not heard of before.
    async fn listen(&mut self, records: &Records) -> Result<Vec<String>, RecordsError> {
        let (begun, since) = (super::now(), self.since);
        let ended = records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { sessions::ended_since(tx, since).await })
        });
        let ended = ended.await?;
        // Where there was more than one answer holds, the rest comes next.
        self.since = match ended.last() {
            Some(last) if ended.len() == sessions::ENDED_AT_ONCE => last.at,
            _ => begun - LATEST_MS,
        };
        let heard: HashSet<_> = ended.into_iter().map(|end| end.proof).collect();
        let new = heard.difference(&self.heard).cloned().collect();
        self.heard = heard;
        Ok(new)
    }
}
