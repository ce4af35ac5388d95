//! Background work: reload the signing keys, remove expired rows.

use super::{Inner, now};
use records::{RecordsError, Scope, refresh, revoked, signing_keys};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Time for which a revoked family is kept, so that a late reuse is still detected.
const REVOKED_FAMILY_TTL_MS: i64 = 24 * 60 * 60 * 1_000;

/// Runs until the last clone of the tokens is dropped.
pub(super) fn start(tokens: &Arc<Inner>) {
    let (pause, tokens) = (tokens.ring.refresh_interval(), Arc::downgrade(tokens));
    tokio::spawn(async move {
        let mut swept = Instant::now();
        loop {
            tokio::time::sleep(pause).await;
            if !refresh_keys(&tokens).await {
                return;
            }
            if swept.elapsed() >= SWEEP_INTERVAL {
                swept = Instant::now();
                sweep(&tokens).await;
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

async fn sweep(tokens: &Weak<Inner>) {
    let Some(tokens) = tokens.upgrade() else {
        return;
    };
    if let Err(error) = remove_expired(&tokens, now()).await {
        tracing::warn!(%error, "expired tokens cannot be removed");
    }
}

async fn remove_expired(tokens: &Inner, now: i64) -> Result<(), RecordsError> {
    let grace_began = now.saturating_sub(tokens.refresh.grace);
    let removed = tokens.records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            signing_keys::sweep(tx, now).await?;
            revoked::sweep(tx, now).await?;
            refresh::sweep(tx, now.saturating_sub(REVOKED_FAMILY_TTL_MS), grace_began)
                .await
        })
    });
    removed.await.map(|_families| ())
}
