//! A whole run: start a cluster, run users and faults, verify the uploads, stop.

use crate::accounts::Accounts;
use crate::attack::attack;
use crate::life::Person;
use crate::plot;
use crate::read_back::read_back;
use crate::report::{Made, Report};
use crate::settings::Settings;
use crate::stage::Stage;
use crate::story::{Plot, Story};
use anyhow::Context;
use cluster::{Cluster, Program, RunDir, Topology, Users};
use comparison::load::{Busy, Stopwatch};
use comparison::machine::{Machine, profile};
use std::sync::Arc;
use std::time::SystemTime;
use tokio_util::sync::CancellationToken;

/// Runs a scenario; [`None`] if it was stopped early.
pub(crate) async fn run(
    story: &'static Story,
    settings: &Settings,
    command: String,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Report>> {
    let (date, machine) = (SystemTime::now(), Machine::this());
    let program = program()?;
    let folder = RunDir::create(&program)?;
    let accounts = Accounts::make(settings.users, story.work, &folder)?;
    let topology = topology(story, settings, program, &accounts);
    let started = Cluster::start_in(folder, topology);
    let Some(cluster) = stop.run_until_cancelled(started).await.transpose()? else {
        return Ok(None);
    };
    let services = services(&cluster).await;
    let made = Made {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        story: story.name,
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
    let report = on(&cluster, story, settings, made, accounts, stop).await;
    cluster.down().await;
    report
}

/// This program, in a role.
fn program() -> anyhow::Result<Program> {
    let path = std::env::current_exe().context("cannot find this program")?;
    Ok(Program { path, prefix: vec!["serve".into()] })
}

fn topology(
    story: &Story,
    settings: &Settings,
    program: Program,
    accounts: &Accounts,
) -> Topology {
    // Limits that protect a real service must not throttle the load.
    let unlimited = ["--max-sessions-per-user=100000", "--requests-per-second=100000"];
    Topology {
        replicas: match story.plot {
            Plot::ScaleOut => 1,
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
async fn on(
    cluster: &Cluster,
    story: &'static Story,
    settings: &Settings,
    made: Made,
    accounts: Accounts,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Report>> {
    let people = accounts.all.into_iter().enumerate();
    let people = people
        .map(|(number, account)| Person::new(number, account, settings.seed))
        .collect();
    // Cancelled at the end of the scenario, or by a stop request.
    let stage = Stage::new(story, settings.clone(), people, stop.child_token());
    let stage = Arc::new(stage);
    let busy = perform(&stage, cluster).await?;
    if stop.is_cancelled() {
        return Ok(None);
    }
    let book = std::mem::take(&mut *stage.book());
    let read = read_back(cluster, settings.design, &book.people);
    let Some(read) = stop.run_until_cancelled(read).await.transpose()? else {
        return Ok(None);
    };
    Ok(Some(Report::new(story, settings, made, &book, read, busy)))
}

/// Runs users and faults concurrently. An error in either ends both.
async fn perform(stage: &Arc<Stage>, cluster: &Cluster) -> anyhow::Result<Busy> {
    let url = cluster.url();
    let users = async {
        let attacked = attack(stage, &url).await;
        stage.over.cancel();
        attacked
    };
    let story = async {
        let told = tell(stage, cluster).await;
        stage.end();
        told
    };
    let (attacked, told) = tokio::join!(users, story);
    attacked?;
    told
}

async fn tell(stage: &Stage, cluster: &Cluster) -> anyhow::Result<Busy> {
    stage.begin().await?;
    eprintln!("all users are ready: the load begins");
    let watch = Stopwatch::start();
    plot::tell(stage, cluster).await?;
    Ok(watch.read())
}
