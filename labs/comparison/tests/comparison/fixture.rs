//! Test fixture: the report of a synthetic run.

use comparison::checks::{merge_repetitions, of_trial};
use comparison::cpu_use::CpuUse;
use comparison::other_service::OtherServiceResult;
use comparison::published::with_published_figures;
use comparison::report::{CpuUseReport, DesignReport, Report, RunInfo};
use comparison::revocation::RevocationEffect;
use comparison::series::{RequestResult, Sample, Series};
use comparison::trial::Trial;
use comparison::{Design, Scenario};
use report::figure::Figure;
use report::machine::Machine;

/// Two designs, three scenarios, one repetition.
pub(crate) fn report() -> Report {
    report_on([Design::Memory, Design::Token])
}

/// The same for other designs.
pub(crate) fn report_on(designs: [Design; 2]) -> Report {
    let scenarios = [Scenario::SteadyLoad, Scenario::RevokeOne, Scenario::KillAReplica];
    let trials: Vec<_> = scenarios
        .into_iter()
        .flat_map(|scenario| designs.map(|design| trial(design, scenario)))
        .collect();
    let checks = merge_repetitions(trials.iter().flat_map(of_trial).collect());
    let cpu_use_reports = scenarios.map(|scenario| {
        let cpu_use = match scenario {
            Scenario::KillAReplica => 91.0,
            _ => 12.5,
        };
        let cpu_use = CpuUse { client_percent: cpu_use, machine_percent: Some(40.0) };
        CpuUseReport::new(scenario, cpu_use, 1.5)
    });
    let designs = designs.map(design).to_vec();
    let report =
        Report::new(run_info(), &trials, designs, checks, cpu_use_reports.into());
    with_published_figures(report)
}

fn run_info() -> RunInfo {
    RunInfo {
        date: "2026-01-02T03:04:05Z".to_owned(),
        command: "cargo lab compare --only \"a < b & c\"".to_owned(),
        seed: 7,
        repeat: 1,
        users: 2,
        pace_ms: 250,
        target: "r2".to_owned(),
        profile: "debug",
        machine: Machine {
            system: "linux 6.0".to_owned(),
            processor: "A processor".to_owned(),
            cores: 2,
            memory_bytes: Some(4 << 30),
            load_before: Some(0.5),
        },
        services: vec!["database: embedded".to_owned(), "redis: local".to_owned()],
        seconds: 60.0,
    }
}

fn trial(design: Design, scenario: Scenario) -> Trial {
    let has_fault = scenario != Scenario::SteadyLoad;
    let revokes = scenario == Scenario::RevokeOne;
    Trial {
        design,
        scenario,
        series: series(design, has_fault),
        on_target: [0].into(),
        new_replica: None,
        enough_answers: true,
        revocation: revokes.then(|| revoked(design)),
        revocation_without_lookup: (revokes && design == Design::Token).then(outlived),
    }
}

/// A revoked token without a lookup.
fn outlived() -> RevocationEffect {
    let (accepted_after, delay_ms) = (90, 1_875.0);
    RevocationEffect { accepted_after, delay_ms, ..revoked(Design::Token) }
}

fn revoked(design: Design) -> RevocationEffect {
    let forgets = design == Design::Memory;
    RevocationEffect {
        accepted_before: true,
        accepted_after: if forgets { 70 } else { 0 },
        delay_ms: if forgets { 1_490.0 } else { 0.0 },
        still_accepted_by: if forgets { vec!["r1".to_owned()] } else { Vec::new() },
    }
}

/// Two users, one request each 100 ms; in `memory` every third request finds no login.
fn series(design: Design, has_fault: bool) -> Series {
    let forgets = design == Design::Memory;
    let sample = |number: u64| {
        let intended_us = number * 50_000;
        Sample {
            user: usize::from(number % 2 == 1),
            intended_us,
            sent_us: intended_us + 100,
            completed_us: intended_us + 5_000 + number * 10,
            result: match forgets && number.is_multiple_of(3) {
                true => RequestResult::LoginLost,
                false => RequestResult::Success,
            },
            served_by: Some("r1".to_owned()),
        }
    };
    Series {
        users: 2,
        samples: (0..240).map(sample).collect(),
        duration_us: 12_000_000,
        fault_start_us: has_fault.then_some(1_000_000),
        fault_end_us: has_fault.then_some(1_200_000),
    }
}

fn design(design: Design) -> DesignReport {
    let is_token = design == Design::Token;
    let figure = |figures: &[f64]| match is_token {
        true => Figure::absent(comparison::session_memory::NO_SESSIONS),
        false => Figure::of(&figures.iter().map(|one| Ok(*one)).collect::<Vec<_>>()),
    };
    DesignReport {
        design,
        memory_bytes_per_1000_logins: figure(&[120_000.0, 123_456.0, 125_000.0]),
        sessions_fewest: figure(&[330.0]),
        sessions_most: figure(&[337.0]),
        carried_bytes: Figure::of(&[Ok(if is_token { 505.0 } else { 59.0 })]),
        other_service: OtherServiceResult {
            accepts: is_token,
            accepts_a_forgery: is_token.then_some(false),
            reason: "because".to_owned(),
            signature_check_ms: is_token.then_some(0.25),
        },
    }
}
