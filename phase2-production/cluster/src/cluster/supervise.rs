//! Noticing that a process has ended, and starting it again if that is wanted.

use super::BALANCER;
use super::shared::Shared;
use crate::replica::Replica;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first pause before a new start; it doubles with every death in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A process that has run for so long has recovered: the next pause is short again.
const RECOVERED: Duration = Duration::from_secs(10);

/// Watches over one member for as long as the cluster lives. What counts is whether it
/// should run and does not, however that came about: a start that failed is tried again
/// like a start that was followed by a death.
pub(super) async fn watch_over(shared: Arc<Shared>, replica: Arc<Replica>) {
    let supervised = shared.topology.supervise;
    let mut pause = FIRST_PAUSE;
    loop {
        replica.to_watch(supervised).await;
        let began = Instant::now();
        if !replica.ended(supervised).await {
            continue;
        }
        if began.elapsed() >= RECOVERED {
            pause = FIRST_PAUSE;
        }
        tracing::info!(replica = replica.id, ms = pause.as_millis(), "starting again in");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if let Err(error) = start_again(&shared, &replica).await {
            tracing::error!(replica = replica.id, "{error:#}");
        }
    }
}

async fn start_again(shared: &Shared, replica: &Replica) -> anyhow::Result<()> {
    let Some(address) = replica.start_if_wanted().await? else {
        return Ok(());
    };
    if replica.id == BALANCER {
        return shared.introduce_all().await;
    }
    shared.let_in(&replica.id, address).await
}
