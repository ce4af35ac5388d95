//! The janitor: garbage collection in the background. It removes expired uploads,
//! completes unfinished ones and removes orphan blobs.
//!
//! All replicas run it at once without coordination. One row that only one of them can
//! delete decides each removal, and removing a blob twice is harmless. Young blobs are
//! never removed, because their row may not be committed yet.
//!
//! Work is done in batches until one is short or the time limit of the round is reached.
//! One batch per round would fall behind a client that starts uploads faster.

use crate::audit::AuditContext;
use crate::clock::{self, now};
use crate::error::Error;
use crate::state::AppState;
use crate::uploads::finish::{Finisher, finish};
use blobs::{BlobError, OldBlob};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use records::uploads::{self, Removal, Upload};
use records::{RecordsError, Scope, files, idempotency};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use upload_domain::file_id::FileId;
use uuid::Uuid;

/// Longest time between two rounds.
const MAX_ROUND_INTERVAL: Duration = Duration::from_secs(60);

/// Time limit for one kind of work in a round, so that the others run, too.
const TASK_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Uploads, or blobs, in one batch.
const BATCH_SIZE: usize = 100;

/// A batch is picked at random from this many batches of the oldest uploads, so that
/// concurrent janitors do not all process the same one.
const CANDIDATE_BATCHES: usize = 10;

/// Lifetime of an idempotency key.
const IDEMPOTENCY_KEY_TTL_MS: i64 = 24 * 60 * 60 * 1000;

/// Blob prefixes; every blob below them has a row, or gets one soon.
const BLOB_PREFIXES: [&str; 3] = ["files", "incoming", "parts"];

/// Runs until the process ends.
pub(crate) async fn run(app: &AppState) {
    let mut round = tokio::time::interval(period(app));
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut orphans = OrphanSweep::default();
    loop {
        round.tick().await;
        sweep(app, &mut orphans).await;
    }
}

/// Half of the orphan grace, within limits.
fn period(app: &AppState) -> Duration {
    (app.orphan_grace / 2).clamp(Duration::from_millis(100), MAX_ROUND_INTERVAL)
}

/// One round. Work that fails is retried in the next. Nothing is removed while this
/// replica's clock is wrong.
async fn sweep(app: &AppState, orphans: &mut OrphanSweep) {
    let Some(now) = clock::sweep_time(&app.records).await else {
        return;
    };
    let rounds = [
        ("expired uploads", "expired_upload", remove_expired(app, now).await),
        ("unfinished uploads", COMPLETED, finish_uploads(app, now).await),
        ("orphans", "orphan_blob", remove_orphans(app, orphans, TASK_TIME_LIMIT).await),
        ("idempotency keys", "idempotency_key", remove_idempotency_keys(app, now).await),
    ];
    for (what, kind, done) in rounds {
        match done {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(what, count, "removed or completed");
                count_objects(kind, count);
            }
            Err(error) => {
                tracing::warn!(what, %error, "failed; retried in the next round")
            }
        }
    }
}

async fn remove_expired(app: &AppState, now: i64) -> Result<u64, Error> {
    let deadline = Instant::now() + TASK_TIME_LIMIT;
    let mut count = 0;
    loop {
        let (batch, is_last) = expired_batch(app, now).await?;
        let mut stuck = 0;
        for upload in &batch {
            // An upload that cannot be removed does not stop the others.
            match remove(app, upload, now).await {
                Ok(removed) => count += u64::from(removed),
                Err(error) => {
                    let id = upload.upload_id;
                    tracing::warn!(upload_id = %id, %error, "cannot remove upload");
                    stuck += 1;
                }
            }
            if Instant::now() >= deadline {
                return Ok(count);
            }
        }
        if is_last || stuck == batch.len() {
            return Ok(count);
        }
    }
}

/// A batch of expired uploads, and whether it is the last.
async fn expired_batch(app: &AppState, now: i64) -> Result<(Vec<Upload>, bool), Error> {
    let expired = app.records.read(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            uploads::expired(tx, now, CANDIDATE_BATCHES * BATCH_SIZE).await
        })
    });
    let mut expired = expired.await?;
    if expired.len() <= BATCH_SIZE {
        return Ok((expired, true));
    }
    let batches = expired.len().div_ceil(BATCH_SIZE);
    let any = usize::from(Uuid::new_v4().as_bytes()[0]) % batches;
    let batch = expired.drain(any * BATCH_SIZE..).take(BATCH_SIZE).collect();
    Ok((batch, false))
}

/// Whether the upload existed. A blob that cannot be removed becomes an orphan.
async fn remove(app: &AppState, upload: &Upload, now: i64) -> Result<bool, Error> {
    let (id, files) = (upload.upload_id, app.files());
    loop {
        let owner = upload.owned_by();
        let scope = Scope::Organisation(upload.organisation.clone());
        let removed = app.records.run(scope, move |tx| {
            Box::pin(async move {
                uploads::remove(tx, &owner, id, Removal::Expired(now)).await
            })
        });
        let Some(removed) = removed.await? else {
            return Ok(false);
        };
        for key in removed.blobs {
            files.delete_blob(&key).await;
        }
        if removed.is_last {
            return Ok(true);
        }
    }
}

/// The client may never return after it sent the last byte and lost its replica.
async fn finish_uploads(app: &AppState, now: i64) -> Result<u64, Error> {
    let round = i64::try_from(period(app).as_millis()).unwrap_or(i64::MAX);
    let (deadline, before) =
        (Instant::now() + TASK_TIME_LIMIT, now.saturating_sub(round));
    let mut count = 0;
    loop {
        let complete = app.records.read(Scope::Housekeeping, move |tx| {
            Box::pin(async move { uploads::unfinished(tx, before, BATCH_SIZE).await })
        });
        let complete = complete.await?;
        let (is_last, mut claimed) = (complete.len() < BATCH_SIZE, false);
        for upload in complete {
            // A claimed upload is not found again in this round.
            if !claim(app, &upload, before).await {
                continue;
            }
            claimed = true;
            count += u64::from(finish_one(app, upload).await);
            if Instant::now() >= deadline {
                return Ok(count);
            }
        }
        if is_last || !claimed {
            return Ok(count);
        }
    }
}

/// Whether the upload has become a file now.
async fn finish_one(app: &AppState, upload: Upload) -> bool {
    let (id, owner) = (upload.upload_id, upload.owned_by());
    let request_id = format!("janitor-{}", FileId::new());
    let cause = AuditContext { request_id, at: now() };
    match finish(app, upload, Finisher::janitor(owner, &cause)).await {
        Ok(published) => !published.repeated,
        // A disabled account may be enabled again before the upload expires.
        Err(Error::AccountEnded) => false,
        Err(error) => {
            tracing::warn!(upload_id = %id, %error, "cannot complete upload");
            false
        }
    }
}

/// Lets one janitor at a time work on an upload, and not too often.
async fn claim(app: &AppState, upload: &Upload, before: i64) -> bool {
    let (scope, now) = (Scope::Organisation(upload.organisation.clone()), now());
    let (id, upload) = (upload.upload_id, upload.clone());
    let claimed = app.records.run(scope, move |tx| {
        Box::pin(async move { uploads::claim(tx, &upload, before, now).await })
    });
    claimed.await.unwrap_or_else(|error| {
        tracing::warn!(upload_id = %id, %error, "cannot claim upload");
        false
    })
}

/// The kind of objects that are completed and not removed.
const COMPLETED: &str = "completed_upload";

fn count_objects(kind: &'static str, count: u64) {
    let counter = if kind == COMPLETED {
        metrics::counter!("upload_server_gc_uploads_completed_total")
    } else {
        metrics::counter!("upload_server_gc_objects_removed_total", "kind" => kind)
    };
    counter.increment(count);
}

/// Batches of blobs above the orphan grace.
type OldBlobs = BoxStream<'static, Result<Vec<OldBlob>, BlobError>>;

/// The removal of orphan blobs. It lists the whole store, which may take many rounds: a round
/// that reaches its time limit keeps the listing, and the next one goes on there. Otherwise
/// the end of a large store would never be reached.
#[derive(Default)]
struct OrphanSweep {
    listing: Option<OldBlobs>,
}

/// One round of the sweep, of at least one batch. After an error of the store the next round
/// lists it anew; a batch without an answer of the database is left for the next listing.
async fn remove_orphans(
    app: &AppState,
    sweep: &mut OrphanSweep,
    limit: Duration,
) -> Result<u64, Error> {
    let deadline = Instant::now() + limit;
    let mut count = 0;
    if sweep.listing.is_none() {
        let drafts = app.blobs.remove_drafts(app.orphan_grace).await?;
        count = u64::try_from(drafts).unwrap_or_default();
        sweep.listing = list_old_blobs(app).await;
    }
    let Some(listing) = &mut sweep.listing else {
        return Ok(count);
    };
    loop {
        let next = listing.try_next().await;
        match next {
            Ok(Some(batch)) => count += remove_unreferenced(app, batch).await?,
            ended => {
                sweep.listing = None;
                return Ok(ended.map(|_end| count)?);
            }
        }
        if Instant::now() >= deadline {
            return Ok(count);
        }
    }
}

/// The ages are measured by the clock of this machine, at the start of the listing. `None` if
/// that clock is wrong.
async fn list_old_blobs(app: &AppState) -> Option<OldBlobs> {
    let lists =
        BLOB_PREFIXES.map(|prefix| app.blobs.list_older_than(prefix, app.orphan_grace));
    let blobs = stream::iter(lists).flatten();
    let batches = blobs.try_ready_chunks(BATCH_SIZE).map_err(|failed| failed.1).boxed();
    clock::sweep_time(&app.records).await?;
    Some(batches)
}

/// Removes the blobs of a batch that no row references. They were old when they were listed,
/// so none of them can get a row any more.
async fn remove_unreferenced(app: &AppState, batch: Vec<OldBlob>) -> Result<u64, Error> {
    let keys = batch.into_iter().map(|old| old.key).collect();
    let orphans = unreferenced(app, keys).await?;
    if orphans.is_empty() {
        return Ok(0);
    }
    // The listing may be older than the store or the clock that this process has now.
    app.blobs.check_owner().await?;
    if clock::sweep_time(&app.records).await.is_none() {
        return Ok(0);
    }
    let mut count = 0;
    for orphan in orphans {
        match app.blobs.delete(&orphan).await {
            Ok(()) => count += 1,
            Err(error) => {
                tracing::warn!(orphan, %error, "cannot remove orphan blob")
            }
        }
    }
    Ok(count)
}

/// The keys that no row references. It only reads, because a large store has many batches:
/// on SQLite each would take the lock of the writers.
async fn unreferenced(
    app: &AppState,
    keys: Vec<String>,
) -> Result<Vec<String>, RecordsError> {
    let found = app.records.read(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            let mut unreferenced = Vec::new();
            for key in keys {
                if !files::is_named(tx, &key).await? {
                    unreferenced.push(key);
                }
            }
            Ok(unreferenced)
        })
    });
    found.await
}

async fn remove_idempotency_keys(app: &AppState, now: i64) -> Result<u64, Error> {
    let before = now.saturating_sub(IDEMPOTENCY_KEY_TTL_MS);
    let (deadline, mut count) = (Instant::now() + TASK_TIME_LIMIT, 0);
    loop {
        let removed = app.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { idempotency::sweep(tx, before).await })
        });
        let removed = removed.await?;
        count += removed;
        if removed < idempotency::SWEEP_BATCH_SIZE || Instant::now() >= deadline {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests;
