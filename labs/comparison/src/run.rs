//! A whole run: start the clusters, run every scenario, measure each design, stop.

use crate::elsewhere::try_elsewhere;
use crate::figure::Figure;
use crate::held::{self, Held, NO_SESSIONS};
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
use api_contract::design::Design;
use cluster::{Backing, Program, RunDir};
use futures_util::future::{join_all, try_join_all};
use std::time::{Duration, Instant, SystemTime};

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program for the roles of a cluster.
    pub program: Program,
    /// The designs, in the order of the columns.
    pub designs: Vec<Design>,
    /// The scenarios, in the order of [`Scenario::ALL`].
    pub scenarios: Vec<Scenario>,
    /// Seed of the users' requests and of the choice of the killed replica.
    pub seed: u64,
    /// Repetitions of each scenario.
    pub repeat: usize,
    /// Users of each design.
    pub users: usize,
    /// Interval between the requests of a user in scenarios with a fault.
    pub pace: Duration,
    /// The source of backing services, the same for every design.
    pub backing: Backing,
    /// The command line, for the report.
    pub command: String,
}

impl Plan {
    /// Number of steps that a run reports.
    #[must_use]
    pub fn steps(&self) -> usize {
        (self.scenarios.len() + self.designs.len()) * self.repeat + 3
    }

    fn target(&self) -> String {
        format!("r{}", self.seed % REPLICAS as u64 + 1)
    }
}

/// Runs the plan. `step` receives a line before each step.
pub async fn run(plan: &Plan, step: impl Fn(&str)) -> anyhow::Result<Report> {
    let (began, date) = (Instant::now(), SystemTime::now());
    let machine = Machine::this();
    step("starting real servers");
    let folder = RunDir::create(&plan.program)?;
    let stage = start(plan, &folder).await?;
    let played = play_all(plan, &stage, &step).await?;
    step("does another service accept the credential?");
    let (designs, about_designs) = about_designs(&stage, &played.held).await?;
    step("stopping everything");
    let services = services(&stage).await;
    stop(&stage).await;
    let statements = played.trials.iter().flat_map(of_trial).chain(about_designs);
    let statements = together(statements.collect());
    let made = Made {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        command: plan.command.clone(),
        seed: plan.seed,
        repeat: plan.repeat,
        users: plan.users,
        pace_ms: u64::try_from(plan.pace.as_millis()).unwrap_or(u64::MAX),
        target: plan.target(),
        profile: profile(),
        machine,
        services,
        seconds: began.elapsed().as_secs_f64().round(),
    };
    Ok(Report::new(made, &played.trials, designs, statements, played.loads))
}

/// The measurements of all repetitions.
#[derive(Default)]
struct Played {
    trials: Vec<Trial>,
    loads: Vec<LoadReport>,
    /// One repetition after the other, each with the designs in order.
    held: Vec<(Design, Held)>,
}

/// Runs every scenario and measures each replica's sessions, in all repetitions.
async fn play_all(
    plan: &Plan,
    stage: &Stage,
    step: &impl Fn(&str),
) -> anyhow::Result<Played> {
    let mut all = Played::default();
    for repetition in 0..plan.repeat {
        let of = match plan.repeat {
            1 => String::new(),
            all => format!(" ({} of {all})", repetition + 1),
        };
        for scenario in &plan.scenarios {
            step(&format!("{}{of}", scenario.title()));
            let seed = plan.seed.wrapping_add(repetition as u64);
            let (played, busy) = stage.play(*scenario, &plan.target(), seed).await?;
            note_load(&mut all.loads, *scenario, busy, &played);
            all.trials.extend(played);
        }
        for lane in &stage.lanes {
            step(&format!("sessions in a replica: {}{of}", lane.design));
            let held = held::measure(lane, &stage.accounts).await?;
            all.held.push((lane.design, held));
        }
    }
    Ok(all)
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
    let without_lookup = match revokes && plan.designs.contains(&Design::Token) {
        true => {
            let life = format!("--token-ttl-ms={}", SHORT_LIFE.as_millis());
            let flags = ["--revocation=none", life.as_str()];
            let lane = Lane::start(Design::Token, program, backing, &accounts, &flags);
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
        Some(known) => *known = known.with(&new),
        None => loads.push(new),
    }
}

/// Measures the figures that do not depend on the scenario, design by design.
async fn about_designs(
    stage: &Stage,
    held: &[(Design, Held)],
) -> anyhow::Result<(Vec<DesignReport>, Vec<Statement>)> {
    let (mut designs, mut statements) = (Vec::new(), Vec::new());
    for lane in &stage.lanes {
        let design = lane.design;
        let elsewhere = try_elsewhere(lane, &stage.accounts).await?;
        let theirs = || held.iter().filter(|(of, _)| *of == design).map(|(_, held)| held);
        statements.extend(theirs().flat_map(|held| of_design(design, &elsewhere, held)));
        let sessions = |of: fn((f64, f64)) -> f64| {
            let once = theirs().map(|held| held.sessions.map(of).ok_or(NO_SESSIONS));
            Figure::of(&once.collect::<Vec<_>>())
        };
        let bytes: Vec<_> = theirs().flat_map(|held| held.bytes.clone()).collect();
        designs.push(DesignReport {
            design,
            memory_bytes_per_1000_logins: Figure::of(&bytes),
            sessions_fewest: sessions(|(fewest, _)| fewest),
            sessions_most: sessions(|(_, most)| most),
            carried_bytes: Figure::of(&[Ok(carried(lane, &stage.accounts).await?)]),
            elsewhere,
        });
    }
    Ok((designs, statements))
}

/// Bytes of the credential in a request directly after login.
#[expect(clippy::cast_precision_loss, reason = "some hundred bytes")]
async fn carried(lane: &Lane, accounts: &Accounts) -> anyhow::Result<f64> {
    let options = Options { keep_cookies: true, ..Options::default() };
    let client = Client::with(&lane.cluster.url(), options);
    let credential =
        log_in(&client, lane.design, &accounts.virtual_users[0]).await.done()?.body;
    Ok(carried_bytes(&client, lane.design, &credential) as f64)
}

/// The services that the replicas share, as the launcher reports them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overloaded_repetition_stays_invalid_after_busier_client() {
        let mut loads = Vec::new();
        for (client_percent, machine) in [(5.0, 99.0), (40.0, 50.0)] {
            let busy = Busy { client_percent, machine_percent: Some(machine) };
            note_load(&mut loads, Scenario::KillAReplica, busy, &[]);
        }
        let [load] = &loads[..] else { panic!("one scenario: {loads:?}") };
        let worst = Busy { client_percent: 40.0, machine_percent: Some(99.0) };
        assert_eq!(load.busy, worst);
        assert!(!load.latency_is_valid, "the first repetition was invalid");
    }

    #[test]
    fn client_delay_is_that_of_the_worst_repetition() {
        let load = |late| {
            let busy = Busy { client_percent: 5.0, machine_percent: None };
            LoadReport::new(Scenario::KillAReplica, busy, late)
        };
        let late = |first, then| load(first).with(&load(then)).client_late_p99_ms;
        assert_eq!([late(9.0, 2.0), late(2.0, 9.0)], [9.0, 9.0]);
    }
}
