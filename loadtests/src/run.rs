//! A whole run: start a cluster, run users and faults, verify the uploads, stop.

use crate::accounts::Accounts;
use crate::fault_schedule;
use crate::goose_run::run_goose;
use crate::load_test::{FaultSchedule, LoadTest};
use crate::report::{Report, RunInfo};
use crate::run_state::RunState;
use crate::settings::Settings;
use crate::verification_reads::verify_uploads;
use crate::virtual_user::VirtualUser;
use anyhow::Context;
use comparison::cpu_use::{CpuMeter, CpuUse};
use launcher::{Cluster, Program, RunDir, Topology, Users};
use outcome::output::remark;
use report::machine::{Machine, profile};
use std::sync::Arc;
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// Runs a scenario; [`None`] if it was stopped early.
pub(crate) async fn run(
    load_test: &'static LoadTest,
    settings: &Settings,
    command: String,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Report>> {
    let (date, machine) = (SystemTime::now(), Machine::current());
    let program = program()?;
    let folder = RunDir::create()?;
    let accounts = Accounts::create(settings.users, load_test.workload, &folder)?;
    let topology = topology(load_test, settings, program, &accounts);
    let started = Cluster::start_in(folder, topology);
    let Some(cluster) = stop.run_until_cancelled(started).await.transpose()? else {
        return Ok(None);
    };
    let services = services(&cluster).await;
    let run_info = RunInfo {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        scenario: load_test.name,
        command,
        design: settings.design.as_str(),
        replicas: settings.replicas,
        users: settings.users,
        rate: settings.rate,
        seconds: settings.seconds,
        seed: settings.seed,
        smoke: settings.smoke,
        profile: profile(),
        machine,
        services,
    };
    let report =
        run_on_cluster(&cluster, load_test, settings, run_info, accounts, stop).await;
    cluster.down().await;
    report
}

/// This program, in a role.
fn program() -> anyhow::Result<Program> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(Program { path, prefix: vec!["serve".into()] })
}

fn topology(
    load_test: &LoadTest,
    settings: &Settings,
    program: Program,
    accounts: &Accounts,
) -> Topology {
    // Limits that protect a real service must not throttle the load.
    let unlimited = ["--max-sessions-per-user=100000", "--requests-per-second=100000"];
    Topology {
        replicas: match load_test.fault_schedule {
            FaultSchedule::ScaleOut => 1,
            _ => settings.replicas,
        },
        users: Users::File(accounts.file.clone()),
        backing: settings.backing,
        replica_args: unlimited.map(Into::into).to_vec(),
        ..Topology::on_loopback(program, settings.design)
    }
}

/// The services that the replicas share, as the launcher reports them.
async fn services(cluster: &Cluster) -> Vec<String> {
    let services = cluster.status().await.services;
    let services = services
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.id, one.kind?.as_str())));
    services.collect()
}

/// Runs the scenario on a running cluster.
async fn run_on_cluster(
    cluster: &Cluster,
    load_test: &'static LoadTest,
    settings: &Settings,
    run_info: RunInfo,
    accounts: Accounts,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Report>> {
    let users = accounts.all.into_iter().enumerate();
    let users = users
        .map(|(number, account)| VirtualUser::new(number, account, settings.seed))
        .collect();
    // Cancelled at the end of the scenario, or by a stop request.
    let run_state = RunState::new(load_test, settings.clone(), users, stop.child_token());
    let run_state = Arc::new(run_state);
    let cpu_use = run_users_and_faults(&run_state, cluster).await?;
    if stop.is_cancelled() {
        return Ok(None);
    }
    let records = std::mem::take(&mut *run_state.records());
    let reads = verify_uploads(cluster, settings.design, &records.finished_users);
    let Some(reads) = stop.run_until_cancelled(reads).await.transpose()? else {
        return Ok(None);
    };
    Ok(Some(Report::new(load_test, settings, run_info, &records, reads, cpu_use)))
}

/// Runs users and faults concurrently. An error in either ends both.
async fn run_users_and_faults(
    run_state: &Arc<RunState>,
    cluster: &Cluster,
) -> anyhow::Result<CpuUse> {
    let url = cluster.url();
    let users = async {
        let users_ended = run_goose(run_state, &url).await;
        run_state.stop.cancel();
        users_ended
    };
    let faults = async {
        let result = run_faults(run_state, cluster).await;
        run_state.end_load();
        result
    };
    let (users_ended, faults_ended) = tokio::join!(users, faults);
    users_ended?;
    faults_ended
}

async fn run_faults(run_state: &RunState, cluster: &Cluster) -> anyhow::Result<CpuUse> {
    run_state.start_load().await?;
    remark("all users are ready: the load begins");
    let watch = CpuMeter::start();
    fault_schedule::run_fault_schedule(run_state, cluster).await?;
    Ok(watch.cpu_use())
}
