//! More replicas behind one balancer. On one machine they share its cores, so what is to be
//! seen is what a replica more costs the others, not what it would add elsewhere.

use super::Replicas;
use crate::child::{Child, processor_seconds};
use crate::load;
use crate::plan::Plan;
use crate::stage::{self, Stage};
use comparison::figure::rounded;
use comparison::latency::milliseconds;

pub(super) async fn measure(stage: &Stage, plan: &Plan) -> anyhow::Result<Vec<Replicas>> {
    let mut rows = Vec::new();
    for &replicas in plan.replicas {
        rows.push(with(stage, plan, replicas).await?);
    }
    Ok(rows)
}

async fn with(stage: &Stage, plan: &Plan, count: usize) -> anyhow::Result<Replicas> {
    let group = format!("replicas-{count}");
    let mut replicas: Vec<Child> = Vec::new();
    for _ in 0..count {
        replicas.push(stage.upload_server("central", &group, &[]).await?);
    }
    let behind: Vec<_> = replicas.iter().map(|one| one.address).collect();
    let balancer = stage::our_balancer(&behind).await?;
    let question = stage::who_is_calling(&stage.session(balancer.address).await?);
    let ask = || load::full(balancer.address, &question, plan.connections, plan.turn);
    let _warm = ask().await?;
    let (theirs, its) = (used(&replicas)?, used(std::slice::from_ref(&balancer))?);
    let answered = ask().await?;
    let theirs = used(&replicas)? - theirs;
    let its = used(std::slice::from_ref(&balancer))? - its;
    #[expect(clippy::cast_precision_loss, reason = "requests of a turn")]
    let each = |seconds: f64| rounded(seconds * 1e6 / answered.answers.max(1) as f64);
    Ok(Replicas {
        replicas: count,
        per_second: answered.per_second().round(),
        p99_ms: milliseconds(&answered.waits, 0.99),
        replica_us: each(theirs),
        balancer_us: each(its),
    })
}

fn used(children: &[Child]) -> anyhow::Result<f64> {
    children.iter().map(|child| processor_seconds(child.pid()?)).sum()
}
