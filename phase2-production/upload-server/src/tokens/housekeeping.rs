//! What happens while nobody asks for anything: keys are read again, and what is past
//! use is removed.

use super::{Inner, now};
use records::{RecordsError, Scope, refresh, revoked, signing_keys};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// Between two sweeps.
const SWEEP: Duration = Duration::from_secs(60);

/// For how long an ended family is kept, so that a late theft is still recognised as one.
const KEEP_ENDED_MS: i64 = 24 * 60 * 60 * 1_000;

/// Works until the last clone of the tokens is gone.
pub(super) fn start(tokens: &Arc<Inner>) {
    let (pause, tokens) = (tokens.ring.pause(), Arc::downgrade(tokens));
    tokio::spawn(async move {
        let mut swept = Instant::now();
        loop {
            tokio::time::sleep(pause).await;
            if !look(&tokens).await {
                return;
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                sweep(&tokens).await;
            }
        }
    });
}

/// A replica that cannot read the keys goes on with those it has. It says of a key that
/// it does not know that it cannot know, and not that it is wrong.
async fn look(tokens: &Weak<Inner>) -> bool {
    let Some(tokens) = tokens.upgrade() else {
        return false;
    };
    if let Err(error) = tokens.ring.refresh(now()).await {
        tracing::warn!(%error, "signing keys cannot be read again");
    }
    true
}

async fn sweep(tokens: &Weak<Inner>) {
    let Some(tokens) = tokens.upgrade() else {
        return;
    };
    if let Err(error) = remove_the_old(&tokens, now()).await {
        tracing::warn!(%error, "old tokens cannot be removed");
    }
}

async fn remove_the_old(tokens: &Inner, now: i64) -> Result<(), RecordsError> {
    let grace_began = now.saturating_sub(tokens.refresh.grace);
    let removed = tokens.records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            signing_keys::sweep(tx, now).await?;
            revoked::sweep(tx, now).await?;
            refresh::sweep(tx, now.saturating_sub(KEEP_ENDED_MS), grace_began).await
        })
    });
    removed.await.map(|_families| ())
}
