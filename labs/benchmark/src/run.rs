//! A whole run.

use crate::plan::Plan;
use crate::report::{Report, RunInfo, SCHEMA, SCHEMA_VERSION};
use crate::testbed::Testbed;
use crate::{growth, memory, outage, request_cost};
use report::machine::{Machine, profile};
use report::statistics::whole_millis;
use std::time::{Instant, SystemTime};

/// Measures everything. `step` is called with the name of the next step.
///
/// # Errors
/// When a server does not start or sends a wrong reply: then the run has no result.
pub async fn run(plan: &Plan, step: impl Fn(&str)) -> anyhow::Result<Report> {
    let (began, date) = (Instant::now(), SystemTime::now());
    let machine = Machine::current();
    step("finding or starting Redis");
    let testbed = Testbed::prepare(plan.backing).await?;
    let request_costs = request_cost::measure(&testbed, plan, &step).await?;
    let outage = outage::measure(&testbed, plan, &step).await?;
    let memory = memory::measure(&testbed, plan, &step).await?;
    let growth = growth::measure(&testbed, plan, &step).await?;
    let run_info = RunInfo {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        command: plan.command.clone(),
        profile: profile().to_owned(),
        machine,
        redis: testbed.redis.why.clone(),
        haproxy: backing_services::haproxy_version(),
        size: plan.size.to_owned(),
        rounds: plan.rounds,
        round_ms: whole_millis(plan.round_length),
        connections: plan.connections,
        seconds: began.elapsed().as_secs_f64().round(),
    };
    Ok(Report {
        schema: SCHEMA.to_owned(),
        version: SCHEMA_VERSION,
        run_info,
        request_costs,
        outage,
        memory,
        growth,
    })
}
