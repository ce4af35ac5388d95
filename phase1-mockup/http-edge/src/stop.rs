//! The signal to shut down.

use tokio::signal::unix::{SignalKind, signal};

/// Completes at SIGTERM or Ctrl-C. A process cannot wait for SIGKILL.
pub async fn shutdown_signal() {
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
