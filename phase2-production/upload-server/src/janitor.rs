//! What happens while nobody asks for anything: what has expired is forgotten, what was
//! left unfinished is finished, bytes that nothing names are removed.
//!
//! Three replicas do this at once and need not agree: each removal is decided by one row
//! that one of them deletes, and removing bytes twice is the same as once. Young bytes are
//! never touched: the row that will name them may be a moment away.
//!
//! What there is to do is done in batches until one is short, or until the turn is over:
//! a round that takes one batch falls behind whoever begins more in the time of a round.

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

/// The longest time between two rounds.
const ROUND: Duration = Duration::from_secs(60);

/// How long one kind of work may go on in a round: the others want their turn, too.
const TURN: Duration = Duration::from_secs(30);

/// Uploads that are looked at together.
const BATCH: usize = 100;

/// A batch is taken out of so many, the oldest: janitors that all took the same would do
/// the same work, each of them in vain but one.
const BATCHES: usize = 10;

/// How long an idempotency key is remembered.
const KEY_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// Below these prefixes every blob has a row, or soon will.
const PLACES: [&str; 3] = ["files", "incoming", "parts"];

/// Goes round for ever.
pub(crate) async fn work(app: &AppState) {
    let mut round = tokio::time::interval(period(app));
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        sweep(app).await;
    }
}

/// Twice in the time after which bytes are orphans.
fn period(app: &AppState) -> Duration {
    (app.orphan_grace / 2).clamp(Duration::from_millis(100), ROUND)
}

/// One round. What fails is left for the next.
async fn sweep(app: &AppState) {
    let rounds = [
        ("expired uploads", "expired_upload", forget_expired(app).await),
        ("unfinished uploads", COMPLETED, finish_complete(app).await),
        ("orphans", "orphan_blob", remove_orphans(app).await),
        ("idempotency keys", "idempotency_key", forget_keys(app).await),
    ];
    for (what, kind, done) in rounds {
        match done {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(what, count, "cleared away");
                count_objects(kind, count);
            }
            Err(error) => tracing::warn!(what, %error, "left for the next round"),
        }
    }
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

async fn forget_expired(app: &AppState) -> Result<u64, Error> {
    let (over, now) = (Instant::now() + TURN, now());
    let mut count = 0;
    loop {
        let (batch, is_last) = some_expired(app, now).await?;
        let mut stuck = 0;
        for upload in &batch {
            // One that cannot be forgotten is in nobody's way.
            match forget(app, upload, now).await {
                Ok(forgotten) => count += u64::from(forgotten),
                Err(error) => {
                    let id = upload.upload_id;
                    tracing::warn!(upload_id = %id, %error, "cannot be forgotten");
                    stuck += 1;
                }
            }
            if Instant::now() >= over {
                return Ok(count);
            }
        }
        if is_last || stuck == batch.len() {
            return Ok(count);
        }
    }
}

/// A batch of expired uploads, and whether there are no others.
async fn some_expired(app: &AppState, now: i64) -> Result<(Vec<Upload>, bool), Error> {
    let expired = app.records.look(Scope::Housekeeping, move |tx| {
        Box::pin(async move { uploads::expired(tx, now, BATCHES * BATCH).await })
    });
    let mut expired = expired.await?;
    if expired.len() <= BATCH {
        return Ok((expired, true));
    }
    let batches = expired.len().div_ceil(BATCH);
    let any = usize::from(Uuid::new_v4().as_bytes()[0]) % batches;
    let batch = expired.drain(any * BATCH..).take(BATCH).collect();
    Ok((batch, false))
}

/// Whether it was there. Bytes that cannot be removed have no row any more, and become
/// orphans.
async fn forget(app: &AppState, upload: &Upload, now: i64) -> Result<bool, Error> {
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
        files.forget(&key).await;
    }
    Ok(true)
}

/// A client that sent its last byte and lost its replica may never come back to ask.
async fn finish_complete(app: &AppState) -> Result<u64, Error> {
    let round = i64::try_from(period(app).as_millis()).unwrap_or(i64::MAX);
    let (over, before) = (Instant::now() + TURN, now().saturating_sub(round));
    let mut count = 0;
    loop {
        let complete = app.records.look(Scope::Housekeeping, move |tx| {
            Box::pin(async move { uploads::unfinished(tx, before, BATCH).await })
        });
        let complete = complete.await?;
        let (is_last, mut claimed) = (complete.len() < BATCH, false);
        for upload in complete {
            // Claimed, it is not found again in this round, whatever becomes of it.
            if !claim(app, &upload, before).await {
                continue;
            }
            claimed = true;
            count += u64::from(finish_one(app, upload).await);
            if Instant::now() >= over {
                return Ok(count);
            }
        }
        if is_last || !claimed {
            return Ok(count);
        }
    }
}

/// Whether it has become a file now.
async fn finish_one(app: &AppState, upload: Upload) -> bool {
    let (id, owner) = (upload.upload_id, owner_of(&upload));
    let request_id = format!("janitor-{}", FileId::new());
    let cause = AuditContext { request_id, at: now() };
    match finish(app, &owner, upload, None, &cause).await {
        Ok(published) => !published.repeated,
        Err(error) => {
            tracing::warn!(upload_id = %id, %error, "cannot be finished");
            false
        }
    }
}

/// One janitor at a time, and each not too often.
async fn claim(app: &AppState, upload: &Upload, before: i64) -> bool {
    let (scope, now) = (Scope::Organisation(upload.organisation.clone()), now());
    let (id, upload) = (upload.upload_id, upload.clone());
    let claimed = app.records.run(scope, move |tx| {
        Box::pin(async move { uploads::claim(tx, &upload, before, now).await })
    });
    claimed.await.unwrap_or_else(|error| {
        tracing::warn!(upload_id = %id, %error, "cannot be taken on");
        false
    })
}

async fn remove_orphans(app: &AppState) -> Result<u64, Error> {
    let drafts = app.blobs.remove_drafts(app.orphan_grace).await?;
    let mut count = u64::try_from(drafts).unwrap_or_default();
    for place in PLACES {
        let old = app.blobs.list_older_than(place, app.orphan_grace);
        let mut batches = old.try_ready_chunks(100);
        loop {
            let batch = batches.try_next().await;
            let Some(batch) = batch.map_err(|failed| failed.1)? else {
                break;
            };
            let keys = batch.into_iter().map(|old| old.key).collect();
            for orphan in nameless(app, keys).await? {
                match app.blobs.delete(&orphan).await {
                    Ok(()) => count += 1,
                    Err(error) => tracing::warn!(orphan, %error, "cannot be removed"),
                }
            }
        }
    }
    Ok(count)
}

/// Those keys that no row names.
async fn nameless(
    app: &AppState,
    keys: Vec<String>,
) -> Result<Vec<String>, RecordsError> {
    let looked = app.records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            let mut nameless = Vec::new();
            for key in keys {
                if !files::is_named(tx, &key).await? {
                    nameless.push(key);
                }
            }
            Ok(nameless)
        })
    });
    looked.await
}

async fn forget_keys(app: &AppState) -> Result<u64, Error> {
    let before = now().saturating_sub(KEY_LIFE_MS);
    let mut count = 0;
    loop {
        let forgotten = app.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { idempotency::sweep(tx, before).await })
        });
        let forgotten = forgotten.await?;
        count += forgotten;
        if forgotten < idempotency::AT_ONCE {
            return Ok(count);
        }
    }
}

/// What may be done in somebody's name does not depend on their role here.
fn owner_of(upload: &Upload) -> Member {
    Member {
        organisation: upload.organisation.clone(),
        username: upload.owner.clone(),
        role: Role::Member,
    }
}

#[cfg(test)]
mod tests;
