//! Injects the faults of a scenario during the load, phase by phase.

use crate::load_test::{FaultSchedule, Workload};
use crate::run_state::{RunState, USERS_TIMEOUT};
use anyhow::{Context, ensure};
use launcher::Cluster;
use launcher::commands::MemberAction;
use load_balancer::status::BackendState;
use std::time::Duration;
use tokio::time::Instant;

/// Limit for the balancer to notice the loss of a replica.
const DETECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval between polls of the balancer's status.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs the fault schedule to its end.
pub(crate) async fn run_fault_schedule(
    run_state: &RunState,
    cluster: &Cluster,
) -> anyhow::Result<()> {
    match run_state.load_test.fault_schedule {
        FaultSchedule::NoFault => run_without_fault(run_state).await,
        FaultSchedule::KillAReplica => kill_replica(run_state, cluster).await,
        FaultSchedule::RollingRestart => rolling_restart(run_state, cluster).await,
        FaultSchedule::ScaleOut => scale_out(run_state, cluster).await,
    }
}

async fn run_without_fault(run_state: &RunState) -> anyhow::Result<()> {
    let replicas = run_state.settings.replicas;
    if run_state.load_test.workload == Workload::Logins {
        run_state.start_phase("logins", false, replicas);
        return run_state
            .wait_for_all_users(run_state.settings.duration() + 2 * USERS_TIMEOUT)
            .await;
    }
    run_state.start_phase("steady load", false, replicas);
    run_state.sleep(run_state.settings.duration()).await;
    Ok(())
}

async fn kill_replica(run_state: &RunState, cluster: &Cluster) -> anyhow::Result<()> {
    let (all, third) = (run_state.settings.replicas, run_state.settings.duration() / 3);
    let targets = cluster.replica_ids();
    let at = usize::try_from(run_state.settings.seed % targets.len().max(1) as u64)?;
    let target = targets.get(at).context("the cluster has no replica")?;
    run_state.start_phase("before", false, all);
    if !run_state.sleep(third).await {
        return Ok(());
    }
    run_state.start_phase("until it is noticed", true, all - 1);
    cluster.execute(target, MemberAction::Kill).await?;
    wait_until_detected(cluster, target).await?;
    run_state.start_phase("without it", false, all - 1);
    if !run_state.sleep(third).await {
        return Ok(());
    }
    run_state.start_phase("it comes back", false, all - 1);
    cluster.execute(target, MemberAction::Restart).await?;
    run_state.start_phase("all replicas are back", false, all);
    run_state.sleep(third).await;
    Ok(())
}

/// Waits until the balancer no longer routes requests to the replica.
async fn wait_until_detected(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + DETECTION_TIMEOUT;
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

async fn rolling_restart(run_state: &RunState, cluster: &Cluster) -> anyhow::Result<()> {
    let (all, half) = (run_state.settings.replicas, run_state.settings.duration() / 2);
    run_state.start_phase("before", false, all);
    if !run_state.sleep(half).await {
        return Ok(());
    }
    for id in cluster.replica_ids() {
        if run_state.stop.is_cancelled() {
            return Ok(());
        }
        run_state.start_phase(&format!("{id} is replaced"), false, all - 1);
        cluster.execute(&id, MemberAction::Restart).await?;
    }
    run_state.start_phase("after", false, all);
    run_state.sleep(half).await;
    Ok(())
}

async fn scale_out(run_state: &RunState, cluster: &Cluster) -> anyhow::Result<()> {
    let replica_steps = replica_steps(run_state.settings.replicas);
    let each = run_state.settings.duration() / u32::try_from(replica_steps.len())?;
    for replicas in replica_steps {
        let current = cluster.replica_ids().len();
        if current < replicas {
            run_state.start_phase(
                &format!("{current} become {replicas}"),
                false,
                current,
            );
        }
        for _ in current..replicas {
            if run_state.stop.is_cancelled() {
                return Ok(());
            }
            cluster.add().await?;
        }
        run_state.start_phase(&format!("with {replicas}"), false, replicas);
        if !run_state.sleep(each).await {
            return Ok(());
        }
    }
    Ok(())
}

/// Doubles from one up to the given number of replicas.
fn replica_steps(max: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(1), |last: &usize| last.checked_mul(2));
    doubling.take_while(|replicas| *replicas < max).chain([max]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_doubles_up_to_the_requested_size() {
        assert_eq!(replica_steps(8), [1, 2, 4, 8]);
        assert_eq!(replica_steps(6), [1, 2, 4, 6]);
        assert_eq!(replica_steps(2), [1, 2]);
    }
}
