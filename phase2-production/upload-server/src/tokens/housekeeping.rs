//! Background work: reload the signing keys, remove expired rows.

use super::{Inner, now};
use crate::clock;
use records::{AnyConnection, BoxFuture, Records, RecordsError, Scope};
use records::{refresh, revoked, signing_keys};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Time after which a sweep leaves the rest for later, so that the keys are reloaded in
/// between.
const SWEEP_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Time for which a revoked family is kept, so that a late reuse is still detected.
const REVOKED_FAMILY_TTL_MS: i64 = 24 * 60 * 60 * 1_000;

/// Runs until the last clone of the tokens is dropped.
pub(super) fn start(tokens: &Arc<Inner>) {
    let (pause, tokens) = (tokens.ring.refresh_interval(), Arc::downgrade(tokens));
    tokio::spawn(async move {
        // The first sweep follows soon: a replica may not live for a whole interval.
        let mut next_sweep = Instant::now();
        loop {
            tokio::time::sleep(pause).await;
            if !refresh_keys(&tokens).await {
                return;
            }
            if Instant::now() >= next_sweep && sweep(&tokens).await {
                next_sweep = Instant::now() + SWEEP_INTERVAL;
            }
        }
    });
}

/// If the keys cannot be refreshed, keep the loaded ones. A token with an unknown key id
/// then gets 503, not 401.
async fn refresh_keys(tokens: &Weak<Inner>) -> bool {
    let Some(tokens) = tokens.upgrade() else {
        return false;
    };
    if let Err(error) = tokens.ring.refresh(now()).await {
        tracing::warn!(%error, "signing keys cannot be refreshed");
    }
    true
}

/// Whether the sweep is done for now. Nothing is removed while this replica's clock is wrong:
/// the other replicas still need the denials and the keys.
async fn sweep(tokens: &Weak<Inner>) -> bool {
    let Some(tokens) = tokens.upgrade() else {
        return false;
    };
    let Some(time) = clock::sweep_time(&tokens.records).await else {
        return false;
    };
    remove_expired(&tokens, time).await
}

/// Whether nothing is left. One kind of rows that cannot be removed does not stop the others.
async fn remove_expired(tokens: &Inner, time: i64) -> bool {
    let (records, until) = (&tokens.records, Instant::now() + SWEEP_TIME_LIMIT);
    let grace_began = time.saturating_sub(tokens.refresh.grace);
    let before = time.saturating_sub(REVOKED_FAMILY_TTL_MS);
    let sweeps = [
        in_batches(records, until, u64::MAX, move |tx| {
            Box::pin(async move { signing_keys::sweep(tx, time).await })
        })
        .await,
        in_batches(records, until, revoked::SWEEP_BATCH_SIZE, move |tx| {
            Box::pin(async move { revoked::sweep(tx, time).await })
        })
        .await,
        in_batches(records, until, refresh::WIPE_BATCH_SIZE, move |tx| {
            Box::pin(async move { refresh::wipe_successors(tx, grace_began).await })
        })
        .await,
        // A batch has few families if they have many tokens.
        in_batches(records, until, 1, move |tx| {
            Box::pin(async move { refresh::sweep(tx, before).await })
        })
        .await,
    ];
    let is_done = |swept: Result<bool, RecordsError>| {
        swept.unwrap_or_else(|error| {
            tracing::warn!(%error, "expired tokens cannot be removed");
            true
        })
    };
    sweeps.map(is_done) == [true; 4]
}

/// Repeats a sweep, in a transaction for each batch, until one has fewer than `batch` rows.
/// Returns whether it came so far before `until`: more rows may have expired while no sweep
/// ran than one statement can remove.
async fn in_batches<Sweep>(
    records: &Records,
    until: Instant,
    batch: u64,
    sweep: Sweep,
) -> Result<bool, RecordsError>
where
    Sweep: for<'t> FnOnce(&'t mut AnyConnection) -> BoxFuture<'t, Result<u64, RecordsError>>
        + Clone
        + Send
        + 'static,
{
    while records.run(Scope::Housekeeping, sweep.clone()).await? >= batch {
        if Instant::now() >= until {
            return Ok(false);
        }
    }
    Ok(true)
}
