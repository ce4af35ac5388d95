//! More replicas behind one balancer. On one machine they share its cores, so the figures show
//! the cost of one more replica for the others, and not the gain of one more machine.

use super::ReplicaCost;
use crate::child::{ChildProcess, processor_seconds};
use crate::closed_loop;
use crate::plan::Plan;
use crate::testbed::{self, Testbed};
use report::figure::rounded;
use report::latency::quantile_ms;

pub(super) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<ReplicaCost>> {
    let mut rows = Vec::new();
    for &replicas in plan.replicas {
        rows.push(measure_replicas(testbed, plan, replicas).await?);
    }
    Ok(rows)
}

async fn measure_replicas(
    testbed: &Testbed,
    plan: &Plan,
    count: usize,
) -> anyhow::Result<ReplicaCost> {
    let group = format!("replicas-{count}");
    let mut replicas: Vec<ChildProcess> = Vec::new();
    for _ in 0..count {
        replicas.push(testbed.upload_server("central", &group, &[]).await?);
    }
    let backends: Vec<_> = replicas.iter().map(|one| one.address).collect();
    let balancer = testbed::start_balancer(&backends).await?;
    let workload =
        testbed::authenticated_workload(&testbed.session(balancer.address).await?);
    let run_load = || {
        closed_loop::run(balancer.address, &workload, plan.connections, plan.round_length)
    };
    let _warm = run_load().await?;
    let (replica_seconds, balancer_seconds) =
        (used(&replicas)?, used(std::slice::from_ref(&balancer))?);
    let result = run_load().await?;
    let replica_seconds = used(&replicas)? - replica_seconds;
    let balancer_seconds = used(std::slice::from_ref(&balancer))? - balancer_seconds;
    #[expect(clippy::cast_precision_loss, reason = "requests of a round")]
    let each = |seconds: f64| rounded(seconds * 1e6 / result.replies.max(1) as f64);
    Ok(ReplicaCost {
        replicas: count,
        per_second: result.per_second().round(),
        p99_ms: quantile_ms(&result.latencies, 0.99),
        replica_us: each(replica_seconds),
        balancer_us: each(balancer_seconds),
    })
}

fn used(children: &[ChildProcess]) -> anyhow::Result<f64> {
    children.iter().map(|child| processor_seconds(child.pid()?)).sum()
}
