//! More replicas behind one balancer. On one machine they share its cores, so the figures show
//! the cost of one more replica for the others, and not the gain of one more machine.

use super::Replicas;
use crate::child::{Child, processor_seconds};
use crate::load;
use crate::plan::Plan;
use crate::testbed::{self, Testbed};
use comparison::figure::rounded;
use comparison::latency::quantile_ms;

pub(super) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<Replicas>> {
    let mut rows = Vec::new();
    for &replicas in plan.replicas {
        rows.push(with(testbed, plan, replicas).await?);
    }
    Ok(rows)
}

async fn with(testbed: &Testbed, plan: &Plan, count: usize) -> anyhow::Result<Replicas> {
    let group = format!("replicas-{count}");
    let mut replicas: Vec<Child> = Vec::new();
    for _ in 0..count {
        replicas.push(testbed.upload_server("central", &group, &[]).await?);
    }
    let behind: Vec<_> = replicas.iter().map(|one| one.address).collect();
    let balancer = testbed::our_balancer(&behind).await?;
    let question = testbed::who_is_calling(&testbed.session(balancer.address).await?);
    let ask =
        || load::full(balancer.address, &question, plan.connections, plan.round_length);
    let _warm = ask().await?;
    let (theirs, its) = (used(&replicas)?, used(std::slice::from_ref(&balancer))?);
    let answered = ask().await?;
    let theirs = used(&replicas)? - theirs;
    let its = used(std::slice::from_ref(&balancer))? - its;
    #[expect(clippy::cast_precision_loss, reason = "requests of a round_length")]
    let each = |seconds: f64| rounded(seconds * 1e6 / answered.answers.max(1) as f64);
    Ok(Replicas {
        replicas: count,
        per_second: answered.per_second().round(),
        p99_ms: quantile_ms(&answered.waits, 0.99),
        replica_us: each(theirs),
        balancer_us: each(its),
    })
}

fn used(children: &[Child]) -> anyhow::Result<f64> {
    children.iter().map(|child| processor_seconds(child.pid()?)).sum()
}
