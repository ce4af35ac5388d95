//! Test fixture: the report of a synthetic run.

use comparison::elsewhere::Elsewhere;
use comparison::figure::Figure;
use comparison::load::Busy;
use comparison::machine::Machine;
use comparison::report::{DesignReport, LoadReport, Made, Report};
use comparison::revocation::Revoked;
use comparison::series::{Ended, Sample, Series};
use comparison::statements::{of_trial, together};
use comparison::trial::Trial;
use comparison::{Design, Scenario};

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
    let statements = together(trials.iter().flat_map(of_trial).collect());
    let loads = scenarios.map(|scenario| {
        let busy = match scenario {
            Scenario::KillAReplica => 91.0,
            _ => 12.5,
        };
        let busy = Busy { client_percent: busy, machine_percent: Some(40.0) };
        LoadReport::new(scenario, busy, 1.5)
    });
    let designs = designs.map(design).to_vec();
    Report::new(made(), &trials, designs, statements, loads.to_vec())
}

fn made() -> Made {
    Made {
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
        enough: true,
        revoked: revokes.then(|| revoked(design)),
        without_lookup: (revokes && design == Design::Token).then(outlived),
    }
}

/// A revoked token without a lookup.
fn outlived() -> Revoked {
    let (accepted_after, delay_ms) = (90, 1_875.0);
    Revoked { accepted_after, delay_ms, ..revoked(Design::Token) }
}

fn revoked(design: Design) -> Revoked {
    let forgets = design == Design::Memory;
    Revoked {
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
            ended_us: intended_us + 5_000 + number * 10,
            ended: match forgets && number.is_multiple_of(3) {
                true => Ended::LoginLost,
                false => Ended::Fine,
            },
            served_by: Some("r1".to_owned()),
        }
    };
    Series {
        users: 2,
        samples: (0..240).map(sample).collect(),
        span_us: 12_000_000,
        fault_us: has_fault.then_some(1_000_000),
        done_us: has_fault.then_some(1_200_000),
    }
}

fn design(design: Design) -> DesignReport {
    let is_token = design == Design::Token;
    let held = |figures: &[f64]| match is_token {
        true => Figure::absent(comparison::held::NO_SESSIONS),
        false => Figure::of(&figures.iter().map(|one| Ok(*one)).collect::<Vec<_>>()),
    };
    DesignReport {
        design,
        memory_bytes_per_1000_logins: held(&[120_000.0, 123_456.0, 125_000.0]),
        sessions_fewest: held(&[330.0]),
        sessions_most: held(&[337.0]),
        carried_bytes: Figure::of(&[Ok(if is_token { 505.0 } else { 59.0 })]),
        elsewhere: Elsewhere {
            accepts: is_token,
            accepts_a_forgery: is_token.then_some(false),
            why: "because".to_owned(),
            check_ms: is_token.then_some(0.25),
        },
    }
}
