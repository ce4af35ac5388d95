//! The balancer crashes: fault 7 of the matrix.

use crate::testbed::with_shared_cluster;
use launcher::Design;
use launcher::commands::MemberAction;

/// Fault 7: the requests in flight are lost with the balancer, and nothing else.
#[test]
fn workload_recovers_when_the_killed_balancer_restarts() -> anyhow::Result<()> {
    with_shared_cluster(Design::Central, async |fixture| {
        let trial = fixture.trial("workload_recovers", 7, 4);
        let workload = trial.start_workload(&fixture.cluster.url());
        for _ in 0..2 {
            trial.until_all_are_served().await;
            let fault = trial.inject(fixture, "lb", MemberAction::Kill).await?;
            trial.repair(fixture, fault, ("lb", MemberAction::Restart)).await?;
        }
        let users = trial.finish(workload).await;
        trial.check_history(fixture, &users).await.map(drop)
    })
}
