//! Waiting: for a condition, with a deadline, and without any request.

pub use process::eventually;
use std::time::Duration;

/// Waits without a request, for tests of idle timeouts. A check of the condition would be a
/// request and reset the timeout.
pub async fn wait_idle(length: Duration) {
    tokio::time::sleep(length).await;
}
