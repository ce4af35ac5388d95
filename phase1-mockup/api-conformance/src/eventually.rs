//! Waiting, always for something and never for ever.

use anyhow::bail;
use std::time::Duration;
use tokio::time::Instant;

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Looks until `found` returns something, at the latest until `deadline` has passed;
/// the failure then names `what` was waited for.
///
/// # Errors
/// When looking fails, or the time is up.
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
            bail!("waited {deadline:?} in vain: {what}");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Lets a client be silent. Silence is the one thing that cannot be waited for by
/// looking, because looking ends it.
pub async fn silence(length: Duration) {
    tokio::time::sleep(length).await;
}
