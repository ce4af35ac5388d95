//! Time limits with a name, so that the log says which one was reached.

use std::future::Future;
use std::time::Duration;

/// The limit was reached before the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time limit of the {0} was reached")]
pub struct LimitReached(pub &'static str);

/// Waits for `work` at most this long. A limit that is reached is logged with its name.
///
/// # Errors
/// When the limit is reached. `work` is dropped.
pub async fn within<T>(
    name: &'static str,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, LimitReached> {
    tokio::time::timeout(limit, work).await.map_err(|_elapsed| {
        let ms = limit.as_millis();
        tracing::warn!(limit = name, ms, "a time limit was reached");
        LimitReached(name)
    })
}
