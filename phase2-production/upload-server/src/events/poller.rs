//! Polls the database for new files, once a second for all connections of this replica.
//!
//! A poll asks per organisation, [`BATCH_SIZE`] of them in one transaction, so its cost
//! does not depend on the number of connections. Each organisation is queried alone,
//! under its own row level security.

use crate::clock::now;
use crate::error::Error;
use crate::files::store::scope_of;
use crate::state::AppState;
use api_contract::events::Event;
use records::files::{self, RecentFile};
use records::revocations::MAX_VISIBILITY_DELAY_MS;
use records::{Member, OrgId, RecordsError, Scope};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::time::MissedTickBehavior;
use upload_domain::file_id::FileId;

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Organisations in one transaction, which must end long before the transaction time
/// limit.
const BATCH_SIZE: usize = 100;

/// Events sent to a connection before its credential is checked again.
const EVENT_BATCH_SIZE: usize = 50;

/// Poll position in one organisation.
struct Cursor {
    since: i64,
    /// Files that earlier polls returned and later ones return again.
    known: HashSet<FileId>,
}

impl Cursor {
    fn at(now: i64) -> Self {
        Self { since: now - MAX_VISIBILITY_DELAY_MS, known: HashSet::new() }
    }

    /// Adds the result of a poll that began at `began`; returns the new files.
    fn advance(&mut self, found: Vec<RecentFile>, began: i64) -> Vec<RecentFile> {
        let settled = began - MAX_VISIBILITY_DELAY_MS;
        // A full page: the next poll continues at its end.
        self.since = match found.last() {
            Some(last) if found.len() >= files::BATCH_SIZE => last.at.min(settled),
            _ => settled,
        };
        let again = found.iter().filter(|file| file.at >= self.since);
        let again = again.map(|file| file.file_id).collect();
        let known = std::mem::replace(&mut self.known, again);
        found.into_iter().filter(|file| !known.contains(&file.file_id)).collect()
    }
}

/// Polls until the process ends, and notifies the connections.
pub(crate) async fn poll_files(app: &AppState) {
    let mut all = HashMap::new();
    let mut interval = tokio::time::interval(POLL_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let subscribed = app.connections.subscribers().organisations();
        all.retain(|organisation, _| subscribed.contains(organisation));
        for batch in subscribed.chunks(BATCH_SIZE) {
            metrics::counter!("upload_server_event_polls_total").increment(1);
            // A failed poll loses no event: the next one returns it.
            if let Err(error) = poll_batch(app, batch, &mut all).await {
                tracing::warn!(%error, "poll for new files failed; retrying");
            }
        }
    }
}

async fn poll_batch(
    app: &AppState,
    batch: &[OrgId],
    all: &mut HashMap<OrgId, Cursor>,
) -> Result<(), RecordsError> {
    let began = now();
    let positions = batch.iter().map(|organisation| {
        let cursor = all.entry(organisation.clone()).or_insert_with(|| Cursor::at(began));
        (organisation.clone(), cursor.since)
    });
    let positions: Vec<_> = positions.collect();
    let found = app.records.read(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            let mut found = Vec::new();
            for (organisation, since) in positions {
                let files = files::stored_since(tx, &organisation, None, since).await?;
                found.push((organisation, files));
            }
            Ok(found)
        })
    });
    for (organisation, files) in found.await? {
        let Some(cursor) = all.get_mut(&organisation) else { continue };
        for file in cursor.advance(files, began) {
            app.connections.subscribers().notify(&organisation, &file);
        }
    }
    Ok(())
}

/// The events of one connection.
pub(super) struct Subscription {
    arrivals: Receiver<RecentFile>,
    /// Files that existed when the connection was opened. A poll may still return them.
    existing: HashSet<FileId>,
}

impl Subscription {
    /// Subscribes to files that are stored from now on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn open(app: &AppState, owner: &Member) -> Result<Self, Error> {
        // Subscribe first: a file stored during the query must not be missed.
        let arrivals = app.connections.subscribers().subscribe(owner);
        let (scope, owner, since) =
            (scope_of(owner), owner.clone(), now() - MAX_VISIBILITY_DELAY_MS);
        let existing = app.records.read(scope, move |tx| {
            Box::pin(async move {
                let owned_by = Some(&owner.username);
                files::stored_since(tx, &owner.organisation, owned_by, since).await
            })
        });
        let existing = existing.await?.into_iter().map(|file| file.file_id).collect();
        Ok(Self { arrivals, existing })
    }

    /// The next events, oldest first. [`None`] when events were dropped because the
    /// connection was too slow. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Vec<Event>> {
        let mut arrivals = Vec::new();
        if self.arrivals.recv_many(&mut arrivals, EVENT_BATCH_SIZE).await == 0 {
            return None;
        }
        let new =
            arrivals.into_iter().filter(|file| !self.existing.contains(&file.file_id));
        let event = |file: RecentFile| Event::FileStored {
            file_id: file.file_id.to_string(),
            name: file.name.into(),
        };
        Some(new.map(event).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::fixture::{file, member};
    use std::slice;

    #[test]
    fn each_file_is_reported_once_despite_overlapping_polls() {
        let alice = member("t1", "alice");
        let (first, late) = (file(&alice, 50_000), file(&alice, 49_000));
        let mut cursor = Cursor::at(50_000);
        assert_eq!(cursor.advance(vec![first.clone()], 51_000), slice::from_ref(&first));
        let again = vec![late.clone(), first.clone()];
        assert_eq!(cursor.advance(again.clone(), 52_000), [late]);
        assert_eq!(cursor.advance(again, 53_000), []);
        assert_eq!(cursor.advance(Vec::new(), 70_000), []);
        assert!(cursor.known.is_empty(), "old entries are removed");
    }

    #[test]
    fn next_poll_continues_after_a_full_page() {
        let alice = member("t1", "alice");
        let many =
            (0..files::BATCH_SIZE).map(|n| file(&alice, i64::try_from(n).unwrap()));
        let mut cursor = Cursor::at(MAX_VISIBILITY_DELAY_MS);
        assert_eq!(cursor.advance(many.collect(), 1_000_000).len(), files::BATCH_SIZE);
        assert_eq!(cursor.since, i64::try_from(files::BATCH_SIZE).unwrap() - 1);
        assert_eq!(cursor.known.len(), 1);
    }
}
