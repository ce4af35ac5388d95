//! Injects the faults of a scenario during the load, phase by phase.

use crate::stage::{Stage, USERS_TIMEOUT};
use crate::story::{Plot, Work};
use anyhow::{Context, ensure};
use cluster::Cluster;
use cluster::commands::MemberCommand;
use load_balancer::status::BackendState;
use std::time::Duration;
use tokio::time::Instant;

/// Limit for the balancer to notice the loss of a replica.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval between polls of the balancer's status.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs the fault schedule to its end.
pub(crate) async fn tell(stage: &Stage, cluster: &Cluster) -> anyhow::Result<()> {
    match stage.story.plot {
        Plot::Nothing => nothing(stage).await,
        Plot::Kill => kill(stage, cluster).await,
        Plot::RollingRestart => rolling_restart(stage, cluster).await,
        Plot::ScaleOut => scale_out(stage, cluster).await,
    }
}

async fn nothing(stage: &Stage) -> anyhow::Result<()> {
    let replicas = stage.settings.replicas;
    if stage.story.work == Work::Logins {
        stage.phase("logins", false, replicas);
        return stage.until_all_are_done(stage.settings.span() + 2 * USERS_TIMEOUT).await;
    }
    stage.phase("steady load", false, replicas);
    stage.wait(stage.settings.span()).await;
    Ok(())
}

async fn kill(stage: &Stage, cluster: &Cluster) -> anyhow::Result<()> {
    let (all, third) = (stage.settings.replicas, stage.settings.span() / 3);
    let victims = cluster.replica_ids();
    let at = usize::try_from(stage.settings.seed % victims.len().max(1) as u64)?;
    let victim = victims.get(at).context("the cluster has no replica")?;
    stage.phase("before", false, all);
    if !stage.wait(third).await {
        return Ok(());
    }
    stage.phase("until it is noticed", true, all - 1);
    cluster.execute(victim, MemberCommand::Kill).await?;
    until_noticed(cluster, victim).await?;
    stage.phase("without it", false, all - 1);
    if !stage.wait(third).await {
        return Ok(());
    }
    stage.phase("it comes back", false, all - 1);
    cluster.execute(victim, MemberCommand::Restart).await?;
    stage.phase("all replicas are back", false, all);
    stage.wait(third).await;
    Ok(())
}

/// Waits until the balancer no longer routes requests to the replica.
async fn until_noticed(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + NOTICE_TIMEOUT;
    loop {
        let status = cluster.status().await;
        let seen = status.member(id).and_then(|member| member.balancer.as_ref());
        if seen.is_some_and(|seen| seen.state != BackendState::Up) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the balancer did not notice that {id} died");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn rolling_restart(stage: &Stage, cluster: &Cluster) -> anyhow::Result<()> {
    let (all, half) = (stage.settings.replicas, stage.settings.span() / 2);
    stage.phase("before", false, all);
    if !stage.wait(half).await {
        return Ok(());
    }
    for id in cluster.replica_ids() {
        if stage.over.is_cancelled() {
            return Ok(());
        }
        stage.phase(&format!("{id} is replaced"), false, all - 1);
        cluster.execute(&id, MemberCommand::Restart).await?;
    }
    stage.phase("after", false, all);
    stage.wait(half).await;
    Ok(())
}

async fn scale_out(stage: &Stage, cluster: &Cluster) -> anyhow::Result<()> {
    let steps = steps(stage.settings.replicas);
    let each = stage.settings.span() / u32::try_from(steps.len())?;
    for replicas in steps {
        let there = cluster.replica_ids().len();
        if there < replicas {
            stage.phase(&format!("{there} become {replicas}"), false, there);
        }
        for _ in there..replicas {
            if stage.over.is_cancelled() {
                return Ok(());
            }
            cluster.add().await?;
        }
        stage.phase(&format!("with {replicas}"), false, replicas);
        if !stage.wait(each).await {
            return Ok(());
        }
    }
    Ok(())
}

/// Doubles from one up to the given number of replicas.
fn steps(most: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(1), |last: &usize| last.checked_mul(2));
    doubling.take_while(|replicas| *replicas < most).chain([most]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_doubles_up_to_the_requested_size() {
        assert_eq!(steps(8), [1, 2, 4, 8]);
        assert_eq!(steps(6), [1, 2, 4, 6]);
        assert_eq!(steps(2), [1, 2]);
    }
}
