//! Being told to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Ends at SIGTERM or Ctrl-C. SIGKILL cannot be waited for: that is the point of it.
pub async fn signalled() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::error!(%error, "cannot listen for SIGTERM");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
