//! A whole run: start everything, play every scenario, measure each design, stop.

use crate::contender::Contender;
use crate::elsewhere::try_elsewhere;
use crate::figure::Figure;
use crate::held;
use crate::lane::{Accounts, Lane, REPLICAS};
use crate::latency::client_late_p99;
use crate::load::Busy;
use crate::login::{carried_bytes, log_in};
use crate::machine::{Machine, profile};
use crate::play::Stage;
use crate::report::{DesignReport, LoadReport, Made, Report};
use crate::revocation::SHORT_LIFE;
use crate::scenario::Scenario;
use crate::statements::{Statement, of_design, of_trial, together};
use crate::trial::Trial;
use api_conformance::client::{Client, Options};
use cluster::{Backing, Program, RunDir};
use futures_util::future::{join_all, try_join_all};
use std::time::{Duration, Instant, SystemTime};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who plays the roles.
    pub program: Program,
    /// The designs, in the order of the columns.
    pub designs: Vec<Contender>,
    /// The scenarios, in the order of [`Scenario::ALL`].
    pub scenarios: Vec<Scenario>,
    /// Decides when who asks for what, and who is killed.
    pub seed: u64,
    /// How often each scenario is played.
    pub repeat: usize,
    /// Users before each design.
    pub users: usize,
    /// From one request of a user to the next, in scenarios with a fault.
    pub pace: Duration,
    /// From where services are taken, the same for every design.
    pub backing: Backing,
    /// The command line, for the report.
    pub command: String,
}

impl Plan {
    /// Steps that will be told of while it runs.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.scenarios.len() * self.repeat + self.designs.len() + 2
    }

    fn victim(&self) -> String {
        format!("r{}", self.seed % REPLICAS as u64 + 1)
    }
}

/// Runs it. `step` is told of what is about to be done.
///
/// # Errors
/// When the lab itself breaks: something does not start, or an order is not carried out.
pub async fn run(plan: &Plan, step: impl Fn(&str)) -> anyhow::Result<Report> {
    let (began, date) = (Instant::now(), SystemTime::now());
    let machine = Machine::this();
    step("starting real servers");
    let folder = RunDir::create(&plan.program)?;
    let stage = start(plan, &folder).await?;
    let (trials, loads) = play_all(plan, &stage, &step).await?;
    let (designs, about_designs) = measure_designs(&stage, &step).await?;
    step("stopping everything");
    let services = services(&stage).await;
    stop(&stage).await;
    let statements = trials.iter().flat_map(of_trial).chain(about_designs);
    let statements = together(statements.collect());
    let made = Made {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        command: plan.command.clone(),
        seed: plan.seed,
        repeat: plan.repeat,
        users: plan.users,
        pace_ms: u64::try_from(plan.pace.as_millis()).unwrap_or(u64::MAX),
        victim: plan.victim(),
        profile: profile(),
        machine,
        services,
        seconds: began.elapsed().as_secs_f64().round(),
    };
    Ok(Report::new(made, &trials, designs, statements, loads))
}

/// Every scenario, as often as it is asked for.
async fn play_all(
    plan: &Plan,
    stage: &Stage,
    step: &impl Fn(&str),
) -> anyhow::Result<(Vec<Trial>, Vec<LoadReport>)> {
    let mut trials = Vec::new();
    let mut loads = Vec::new();
    for repetition in 0..plan.repeat {
        for scenario in &plan.scenarios {
            let of = match plan.repeat {
                1 => String::new(),
                all => format!(" ({} of {all})", repetition + 1),
            };
            step(&format!("{}{of}", scenario.title()));
            let seed = plan.seed.wrapping_add(repetition as u64);
            let (played, busy) = stage.play(*scenario, &plan.victim(), seed).await?;
            note_load(&mut loads, *scenario, busy, &played);
            trials.extend(played);
        }
    }
    Ok((trials, loads))
}

async fn start(plan: &Plan, folder: &RunDir) -> anyhow::Result<Stage> {
    let accounts = Accounts::make(plan.users, folder)?;
    let (program, backing) = (&plan.program, plan.backing);
    let lanes = plan
        .designs
        .iter()
        .map(|design| Lane::start(*design, program, backing, &accounts, &[]));
    let lanes = try_join_all(lanes).await?;
    let revokes = plan.scenarios.contains(&Scenario::RevokeOne);
    let without_lookup = match revokes && plan.designs.contains(&Contender::Token) {
        true => {
            let life = format!("--token-ttl-ms={}", SHORT_LIFE.as_millis());
            let flags = ["--revocation=none", life.as_str()];
            let lane = Lane::start(Contender::Token, program, backing, &accounts, &flags);
            Some(lane.await?)
        }
        false => None,
    };
    Ok(Stage { lanes, without_lookup, accounts, pace: plan.pace })
}

fn note_load(
    loads: &mut Vec<LoadReport>,
    scenario: Scenario,
    busy: Busy,
    played: &[Trial],
) {
    let late = played.iter().map(|trial| client_late_p99(&trial.series));
    let late = late.fold(0.0, f64::max);
    let new = LoadReport::new(scenario, busy, late);
    match loads.iter_mut().find(|load| load.scenario == scenario) {
        Some(known) if known.busy.client_percent < new.busy.client_percent => {
            *known = new
        }
        Some(_) => {}
        None => loads.push(new),
    }
}

/// What is so in every scenario, one design after the other.
async fn measure_designs(
    stage: &Stage,
    step: impl Fn(&str),
) -> anyhow::Result<(Vec<DesignReport>, Vec<Statement>)> {
    let (mut designs, mut statements) = (Vec::new(), Vec::new());
    for lane in &stage.lanes {
        let design = lane.contender;
        step(&format!("what a replica remembers: {design}"));
        let elsewhere = try_elsewhere(lane, &stage.accounts).await?;
        let held = held::measure(lane, &stage.accounts).await?;
        statements.extend(of_design(design, &elsewhere, &held));
        let none = "replicas of this design hold no sessions";
        let of = |sessions: Option<f64>| Figure::of(&[sessions.ok_or(none)]);
        designs.push(DesignReport {
            design,
            memory_bytes_per_1000_logins: Figure::of(&[held
                .bytes
                .ok_or("this system does not tell how much memory a process has")]),
            sessions_fewest: of(held.sessions.map(|(fewest, _)| fewest)),
            sessions_most: of(held.sessions.map(|(_, most)| most)),
            carried_bytes: Figure::of(&[Ok(carried(lane, &stage.accounts).await?)]),
            elsewhere,
        });
    }
    Ok((designs, statements))
}

/// Bytes that say who is calling, in a request of somebody who has just logged in.
#[expect(clippy::cast_precision_loss, reason = "some hundred bytes")]
async fn carried(lane: &Lane, accounts: &Accounts) -> anyhow::Result<f64> {
    let options = Options { keep_cookies: true, ..Options::default() };
    let client = Client::with(&lane.cluster.url(), options);
    let proof = log_in(&client, lane.contender, &accounts.crowd[0]).await.done()?.body;
    Ok(carried_bytes(&client, lane.contender, &proof) as f64)
}

/// What the replicas share, in the launcher's words.
async fn services(stage: &Stage) -> Vec<String> {
    let Some(lane) = stage.lanes.last() else {
        return Vec::new();
    };
    let status = lane.cluster.status().await;
    let services = status
        .services
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.id, one.kind?.as_str())));
    services.collect()
}

async fn stop(stage: &Stage) {
    let lanes = stage.lanes.iter().chain(&stage.without_lookup);
    join_all(lanes.map(|lane| lane.cluster.down())).await;
}
