//! A whole run: start the clusters, run every scenario, measure each design, stop.

use crate::carried_bytes::carried_bytes;
use crate::checks::{Check, merge_repetitions, of_design, of_trial};
use crate::configuration::{Accounts, Configuration, REPLICAS};
use crate::cpu_use::CpuUse;
use crate::latency::client_late_p99;
use crate::other_service::try_other_service;
use crate::published::with_published_figures;
use crate::report::{CpuUseReport, DesignReport, Report, RunInfo};
use crate::revocation::SHORT_TOKEN_TTL;
use crate::scenario::Scenario;
use crate::session_memory::{self, NO_SESSIONS, SessionMemory};
use crate::testbed::Testbed;
use crate::trial::Trial;
use api_contract::design::Design;
use client::{Client, Options};
use futures_util::future::{join_all, try_join_all};
use launcher::{Backing, Program, RunDir};
use report::figure::Figure;
use report::machine::{Machine, profile};
use report::statistics::whole_millis;
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
    let (started_at, date) = (Instant::now(), SystemTime::now());
    let machine = Machine::current();
    step("starting real servers");
    let folder = RunDir::create()?;
    let testbed = start(plan, &folder).await?;
    let measured = run_all_scenarios(plan, &testbed, &step).await?;
    step("does another service accept the credential?");
    let (designs, measure_designs) =
        measure_designs(&testbed, &measured.session_memory).await?;
    step("stopping everything");
    let services = services(&testbed).await;
    stop(&testbed).await;
    let checks = measured.trials.iter().flat_map(of_trial).chain(measure_designs);
    let checks = merge_repetitions(checks.collect());
    let run_info = RunInfo {
        date: humantime::format_rfc3339_seconds(date).to_string(),
        command: plan.command.clone(),
        seed: plan.seed,
        repeat: plan.repeat,
        users: plan.users,
        pace_ms: whole_millis(plan.pace),
        target: plan.target(),
        profile: profile(),
        machine,
        services,
        seconds: started_at.elapsed().as_secs_f64().round(),
    };
    let Measurements { trials, cpu_use_reports, .. } = measured;
    let report = Report::new(run_info, &trials, designs, checks, cpu_use_reports);
    Ok(with_published_figures(report))
}

/// The measurements of all repetitions.
#[derive(Default)]
struct Measurements {
    trials: Vec<Trial>,
    cpu_use_reports: Vec<CpuUseReport>,
    /// One repetition after the other, each with the designs in order.
    session_memory: Vec<(Design, SessionMemory)>,
}

/// Runs every scenario and measures each replica's sessions, in all repetitions.
async fn run_all_scenarios(
    plan: &Plan,
    testbed: &Testbed,
    step: &impl Fn(&str),
) -> anyhow::Result<Measurements> {
    let mut all = Measurements::default();
    for repetition in 0..plan.repeat {
        let of = match plan.repeat {
            1 => String::new(),
            all => format!(" ({} of {all})", repetition + 1),
        };
        for scenario in &plan.scenarios {
            step(&format!("{}{of}", scenario.title()));
            let seed = plan.seed.wrapping_add(repetition as u64);
            let (measured, cpu_use) =
                testbed.run_scenario(*scenario, &plan.target(), seed).await?;
            record_cpu_use(&mut all.cpu_use_reports, *scenario, cpu_use, &measured);
            all.trials.extend(measured);
        }
        for configuration in &testbed.configurations {
            step(&format!("sessions in a replica: {}{of}", configuration.design));
            let session_memory =
                session_memory::measure(configuration, &testbed.accounts).await?;
            all.session_memory.push((configuration.design, session_memory));
        }
    }
    Ok(all)
}

async fn start(plan: &Plan, folder: &RunDir) -> anyhow::Result<Testbed> {
    let accounts = Accounts::create(plan.users, folder)?;
    let (program, backing) = (&plan.program, plan.backing);
    let configurations = plan
        .designs
        .iter()
        .map(|design| Configuration::start(*design, program, backing, &accounts, &[]));
    let configurations = try_join_all(configurations).await?;
    let revokes = plan.scenarios.contains(&Scenario::RevokeOne);
    let without_lookup = match revokes && plan.designs.contains(&Design::Token) {
        true => {
            let life = format!("--token-ttl-ms={}", SHORT_TOKEN_TTL.as_millis());
            let flags = ["--revocation=none", life.as_str()];
            let configuration =
                Configuration::start(Design::Token, program, backing, &accounts, &flags);
            Some(configuration.await?)
        }
        false => None,
    };
    Ok(Testbed { configurations, without_lookup, accounts, pace: plan.pace })
}

fn record_cpu_use(
    cpu_use_reports: &mut Vec<CpuUseReport>,
    scenario: Scenario,
    cpu_use: CpuUse,
    measured: &[Trial],
) {
    let late = measured.iter().map(|trial| client_late_p99(&trial.series));
    let late = late.fold(0.0, f64::max);
    let new = CpuUseReport::new(scenario, cpu_use, late);
    match cpu_use_reports.iter_mut().find(|load| load.scenario == scenario) {
        Some(known) => *known = known.with(&new),
        None => cpu_use_reports.push(new),
    }
}

/// Measures the figures that do not depend on the scenario, design by design.
async fn measure_designs(
    testbed: &Testbed,
    session_memory: &[(Design, SessionMemory)],
) -> anyhow::Result<(Vec<DesignReport>, Vec<Check>)> {
    let (mut designs, mut checks) = (Vec::new(), Vec::new());
    for configuration in &testbed.configurations {
        let design = configuration.design;
        let other_service = try_other_service(configuration, &testbed.accounts).await?;
        let own = || {
            session_memory
                .iter()
                .filter(|(of, _)| *of == design)
                .map(|(_, session_memory)| session_memory)
        };
        checks.extend(own().flat_map(|session_memory| {
            of_design(design, &other_service, session_memory)
        }));
        let sessions = |of: fn((f64, f64)) -> f64| {
            let once = own()
                .map(|session_memory| session_memory.sessions.map(of).ok_or(NO_SESSIONS));
            Figure::of(&once.collect::<Vec<_>>())
        };
        let bytes: Vec<_> = own()
            .flat_map(|session_memory| session_memory.memory_bytes.clone())
            .collect();
        designs.push(DesignReport {
            design,
            memory_bytes_per_1000_logins: Figure::of(&bytes),
            sessions_fewest: sessions(|(fewest, _)| fewest),
            sessions_most: sessions(|(_, most)| most),
            carried_bytes: Figure::of(&[Ok(carried_by_request(
                configuration,
                &testbed.accounts,
            )
            .await?)]),
            other_service,
        });
    }
    Ok((designs, checks))
}

/// Bytes of the credential in a request directly after login.
#[expect(clippy::cast_precision_loss, reason = "some hundred bytes")]
async fn carried_by_request(
    configuration: &Configuration,
    accounts: &Accounts,
) -> anyhow::Result<f64> {
    let options = Options { keep_cookies: true, ..Options::default() };
    let client = Client::with(&configuration.cluster.url(), options);
    let login = client.log_in(configuration.design.into(), &accounts.virtual_users[0]);
    let credential = login.await.done()?.body.credential;
    Ok(carried_bytes(&client, configuration.design, &credential) as f64)
}

/// The services that the replicas share, as the launcher reports them.
async fn services(testbed: &Testbed) -> Vec<String> {
    let Some(configuration) = testbed.configurations.last() else {
        return Vec::new();
    };
    let status = configuration.cluster.status().await;
    let services = status
        .services
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.id, one.kind?.as_str())));
    services.collect()
}

async fn stop(testbed: &Testbed) {
    let configurations = testbed.configurations.iter().chain(&testbed.without_lookup);
    join_all(configurations.map(|configuration| configuration.cluster.down())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overloaded_repetition_stays_invalid_after_busier_client() {
        let mut cpu_use_reports = Vec::new();
        for (client_percent, machine) in [(5.0, 99.0), (40.0, 50.0)] {
            let cpu_use = CpuUse { client_percent, machine_percent: Some(machine) };
            record_cpu_use(&mut cpu_use_reports, Scenario::KillAReplica, cpu_use, &[]);
        }
        let [load] = &cpu_use_reports[..] else {
            panic!("one scenario: {cpu_use_reports:?}")
        };
        let worst = CpuUse { client_percent: 40.0, machine_percent: Some(99.0) };
        assert_eq!(load.cpu_use, worst);
        assert!(!load.latency_is_valid, "the first repetition was invalid");
    }

    #[test]
    fn client_delay_is_that_of_the_worst_repetition() {
        let load = |late| {
            let cpu_use = CpuUse { client_percent: 5.0, machine_percent: None };
            CpuUseReport::new(Scenario::KillAReplica, cpu_use, late)
        };
        let late = |first, then| load(first).with(&load(then)).client_late_p99_ms;
        assert_eq!([late(9.0, 2.0), late(2.0, 9.0)], [9.0, 9.0]);
    }
}
