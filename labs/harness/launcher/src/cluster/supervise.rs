//! Supervision: detects that a process has ended, and restarts it if required.

use super::BALANCER;
use super::shared::Shared;
use crate::member::Member;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first delay before a restart. It doubles with every further restart.
const INITIAL_BACKOFF: Duration = Duration::from_millis(250);

/// The longest delay before a restart.
const MAX_BACKOFF: Duration = Duration::from_secs(8);

/// The running time after which the next backoff starts at [`INITIAL_BACKOFF`] again.
const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(10);

/// Supervises one member for as long as the cluster lives. A failed start is retried in the
/// same way as a process that has ended.
pub(super) async fn supervise(shared: Arc<Shared>, member: Arc<Member>) {
    let supervised = shared.topology.supervise;
    let mut backoff = INITIAL_BACKOFF;
    loop {
        member.wait_until_due(supervised).await;
        let began = Instant::now();
        if !member.ended(supervised).await {
            continue;
        }
        if began.elapsed() >= BACKOFF_RESET_AFTER {
            backoff = INITIAL_BACKOFF;
        }
        tracing::info!(
            member = member.id,
            backoff_ms = backoff.as_millis(),
            "restarting"
        );
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
        if member.id == BALANCER {
            shared.prepare_balancer();
        }
        if let Err(error) = member.start_if_wanted().await {
            tracing::error!(member = member.id, "{error:#}");
        }
        // The balancer may hang now: the reconciler repeats the orders until it knows.
        shared.reconciler.notify();
    }
}
