//! Waiting for a condition, with a deadline.

use anyhow::bail;
use std::time::Duration;
use tokio::time::Instant;

/// The interval between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Calls `found` until it returns a value or `deadline` has passed. The error then names the
/// condition `what`.
///
/// # Errors
/// When `found` fails, or the deadline has passed.
pub async fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut found: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(it) = found().await? {
            return Ok(it);
        }
        if start.elapsed() >= deadline {
            bail!("not within {deadline:?}: {what}");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits in a test until a condition holds.
///
/// # Panics
/// When it does not hold within `limit`.
pub async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let held = eventually(limit, what, async || Ok(holds().await.then_some(())));
    if let Err(error) = held.await {
        panic!("{error}");
    }
}
