//! The janitor: garbage collection in the background. It removes expired uploads,
//! completes unfinished ones and removes orphan blobs.
//!
//! All replicas run it at once without coordination. One row that only one of them can
//! delete decides each removal, and removing a blob twice is harmless. Young blobs are
//! never removed, because their row may not be committed yet.
//!
//! Work is done in batches until one is short or the time limit of the round is reached.
//! One batch per round would fall behind a client that starts uploads faster.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::clock::now;
use crate::error::Error;
use crate::uploads::finish::finish;
use futures_util::TryStreamExt;
use records::uploads::{self, Removal, Upload};
use records::{Member, RecordsError, Role, Scope, files, idempotency};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use upload_domain::file_id::FileId;
use uuid::Uuid;

/// Longest time between two rounds.
const MAX_ROUND_INTERVAL: Duration = Duration::from_secs(60);

/// Time limit for one kind of work in a round, so that the others run, too.
const TASK_TIME_LIMIT: Duration = Duration::from_secs(30);

/// Uploads in one batch.
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
    loop {
        round.tick().await;
        sweep(app).await;
    }
}

/// Half of the orphan grace, within limits.
fn period(app: &AppState) -> Duration {
    (app.orphan_grace / 2).clamp(Duration::from_millis(100), MAX_ROUND_INTERVAL)
}

/// One round. Work that fails is retried in the next.
async fn sweep(app: &AppState) {
    let rounds = [
        ("expired uploads", "expired_upload", remove_expired(app).await),
        ("unfinished uploads", COMPLETED, finish_uploads(app).await),
        ("orphans", "orphan_blob", remove_orphans(app).await),
        ("idempotency keys", "idempotency_key", remove_idempotency_keys(app).await),
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

async fn remove_expired(app: &AppState) -> Result<u64, Error> {
    let (deadline, now) = (Instant::now() + TASK_TIME_LIMIT, now());
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
    let (id, owner) = (upload.upload_id, owner_of(upload));
    let scope = Scope::Organisation(upload.organisation.clone());
    let removed = app.records.run(scope, move |tx| {
        Box::pin(
            async move { uploads::remove(tx, &owner, id, Removal::Expired(now)).await },
        )
    });
    let Some(keys) = removed.await? else {
        return Ok(false);
    };
    let files = app.files();
    for key in keys {
        files.delete_blob(&key).await;
    }
    Ok(true)
}

/// The client may never return after it sent the last byte and lost its replica.
async fn finish_uploads(app: &AppState) -> Result<u64, Error> {
    let round = i64::try_from(period(app).as_millis()).unwrap_or(i64::MAX);
    let (deadline, before) =
        (Instant::now() + TASK_TIME_LIMIT, now().saturating_sub(round));
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
    let (id, owner) = (upload.upload_id, owner_of(&upload));
    let request_id = format!("janitor-{}", FileId::new());
    let cause = AuditContext { request_id, at: now() };
    match finish(app, &owner, upload, None, &cause).await {
        Ok(published) => !published.repeated,
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

async fn remove_orphans(app: &AppState) -> Result<u64, Error> {
    let drafts = app.blobs.remove_drafts(app.orphan_grace).await?;
    let mut count = u64::try_from(drafts).unwrap_or_default();
    for prefix in BLOB_PREFIXES {
        let old = app.blobs.list_older_than(prefix, app.orphan_grace);
        let mut batches = old.try_ready_chunks(100);
        loop {
            let batch = batches.try_next().await;
            let Some(batch) = batch.map_err(|failed| failed.1)? else {
                break;
            };
            let keys = batch.into_iter().map(|old| old.key).collect();
            for orphan in unreferenced(app, keys).await? {
                match app.blobs.delete(&orphan).await {
                    Ok(()) => count += 1,
                    Err(error) => {
                        tracing::warn!(orphan, %error, "cannot remove orphan blob")
                    }
                }
            }
        }
    }
    Ok(count)
}

/// The keys that no row references.
async fn unreferenced(
    app: &AppState,
    keys: Vec<String>,
) -> Result<Vec<String>, RecordsError> {
    let found = app.records.run(Scope::Housekeeping, move |tx| {
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

async fn remove_idempotency_keys(app: &AppState) -> Result<u64, Error> {
    let before = now().saturating_sub(IDEMPOTENCY_KEY_TTL_MS);
    let mut count = 0;
    loop {
        let removed = app.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { idempotency::sweep(tx, before).await })
        });
        let removed = removed.await?;
        count += removed;
        if removed < idempotency::SWEEP_BATCH_SIZE {
            return Ok(count);
        }
    }
}

/// The owner of an upload. The role does not matter here.
fn owner_of(upload: &Upload) -> Member {
    Member {
        organisation: upload.organisation.clone(),
        username: upload.owner.clone(),
        role: Role::Member,
    }
}

#[cfg(test)]
mod tests;
