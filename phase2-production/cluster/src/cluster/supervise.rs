//! Noticing that a process has ended, and starting it again if that is wanted.

use super::BALANCER;
use super::shared::Shared;
use crate::replica::Replica;
use crate::status::ProcessState;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause before a new start; it doubles with every death in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A process that has run for so long has recovered: the next pause is short again.
const RECOVERED: Duration = Duration::from_secs(10);

/// Watches over one member for as long as the cluster lives.
pub(super) async fn watch_over(shared: Arc<Shared>, replica: Arc<Replica>) {
    let mut pause = FIRST_PAUSE;
    loop {
        replica.running().await;
        let started = Instant::now();
        replica.ended().await;
        if !shared.topology.supervise || !replica.is_wanted() {
            continue;
        }
        if started.elapsed() >= RECOVERED {
            pause = FIRST_PAUSE;
        }
        tracing::info!(replica = replica.id, ms = pause.as_millis(), "starting again in");
        replica.set_state(ProcessState::Waiting);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if !replica.is_wanted() {
            continue;
        }
        if let Err(error) = start_again(&shared, &replica).await {
            tracing::error!(replica = replica.id, "{error:#}");
        }
    }
}

async fn start_again(shared: &Shared, replica: &Replica) -> anyhow::Result<()> {
    if replica.id == BALANCER {
        replica.start().await?;
        return shared.introduce_all().await;
    }
    shared.start_replica(replica).await
}
