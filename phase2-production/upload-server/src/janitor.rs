//! What happens while nobody asks for anything: what has expired is forgotten, what was
//! left unfinished is finished, bytes that nothing names are removed.
//!
//! Three replicas do this at once and need not agree: each removal is decided by one row
//! that one of them deletes, and removing bytes twice is the same as once. Young bytes are
//! never touched: the row that will name them may be a moment away.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::clock::now;
use crate::error::Error;
use crate::uploads::finish::finish;
use futures_util::TryStreamExt;
use records::uploads::{self, Removal, Upload};
use records::{Member, RecordsError, Role, Scope, files, idempotency};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use upload_domain::file_id::FileId;

/// The longest time between two rounds.
const ROUND: Duration = Duration::from_secs(60);

/// Uploads that are looked at in one round.
const BATCH: i64 = 100;

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
        ("expired uploads", forget_expired(app).await),
        ("unfinished uploads", finish_complete(app).await),
        ("orphans", remove_orphans(app).await),
        ("idempotency keys", forget_keys(app).await),
    ];
    for (what, done) in rounds {
        match done {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(what, count, "cleared away");
                metrics::counter!("janitor_cleared_total", "what" => what)
                    .increment(count);
            }
            Err(error) => tracing::warn!(what, %error, "left for the next round"),
        }
    }
}

async fn forget_expired(app: &AppState) -> Result<u64, Error> {
    let now = now();
    let expired = app.records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move { uploads::expired(tx, now, BATCH).await })
    });
    let mut count = 0;
    for upload in expired.await? {
        let id = upload.upload_id;
        // One that cannot be forgotten is in nobody's way.
        match forget(app, &upload, now).await {
            Ok(forgotten) => count += u64::from(forgotten),
            Err(error) => tracing::warn!(upload_id = %id, %error, "cannot be forgotten"),
        }
    }
    Ok(count)
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
    let before = now().saturating_sub(round);
    let complete = app.records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move { uploads::unfinished(tx, before, BATCH).await })
    });
    let mut count = 0;
    for upload in complete.await? {
        let (id, owner) = (upload.upload_id, owner_of(&upload));
        match claim(app, &upload, before).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(upload_id = %id, %error, "cannot be taken on");
                continue;
            }
        }
        let cause =
            AuditContext { request_id: format!("janitor-{}", FileId::new()), at: now() };
        match finish(app, &owner, upload, None, &cause).await {
            Ok(published) => count += u64::from(!published.repeated),
            Err(error) => tracing::warn!(upload_id = %id, %error, "cannot be finished"),
        }
    }
    Ok(count)
}

/// One janitor at a time, and each not too often.
async fn claim(app: &AppState, upload: &Upload, before: i64) -> Result<bool, Error> {
    let (scope, now) = (Scope::Organisation(upload.organisation.clone()), now());
    let upload = upload.clone();
    let claimed = app.records.run(scope, move |tx| {
        Box::pin(async move { uploads::claim(tx, &upload, before, now).await })
    });
    Ok(claimed.await?)
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
