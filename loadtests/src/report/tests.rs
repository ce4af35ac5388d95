//! Reports of synthetic runs.

use super::*;
use crate::load_test::{Defaults, FaultSchedule, Workload};
use comparison::Design;
use launcher::Backing;

const LOAD_TEST: LoadTest = LoadTest {
    name: "a_load_test",
    purpose: "Tests the report.",
    workload: Workload::Sessions,
    fault_schedule: FaultSchedule::NoFault,
    defaults: Defaults::SMOKE,
    smoke_defaults: Defaults::SMOKE,
};

fn records() -> RunRecords {
    let phase = |name: &str, start_us| Phase {
        name: name.to_owned(),
        start_us,
        fault_undetected: false,
        replicas: 1,
    };
    let sample = |intended_us, call| Sample {
        user: 0,
        call,
        intended_us,
        sent_us: intended_us,
        completed_us: intended_us + 1_000,
        result: RequestResult::Success,
        served_by: None,
    };
    RunRecords {
        phases: vec![phase("with 1", 0), phase("with 2", 2_000_000)],
        samples: vec![
            sample(0, Call::Session),
            sample(1_500_000, Call::LogIn),
            sample(2_500_000, Call::Session),
        ],
        duration_us: 5_000_000,
        ..RunRecords::default()
    }
}

fn report(client_percent: f64) -> Report {
    let settings = Settings {
        design: Design::Central,
        replicas: 1,
        users: 1,
        seconds: 5,
        rate: 1.0,
        seed: 1,
        backing: Backing::Auto,
        json: None,
        html: None,
        smoke: true,
    };
    let run_info = RunInfo {
        date: "2026-11-21T10:00:00Z".to_owned(),
        scenario: LOAD_TEST.name,
        command: "a_load_test".to_owned(),
        design: "central",
        replicas: 1,
        users: 1,
        rate: 1.0,
        seconds: 5,
        seed: 1,
        smoke: true,
        profile: "debug",
        machine: Machine::current(),
        services: Vec::new(),
    };
    let busy = CpuUse { client_percent, machine_percent: Some(50.0) };
    Report::new(
        &LOAD_TEST,
        &settings,
        run_info,
        &records(),
        VerificationReads::default(),
        busy,
    )
}

#[test]
fn each_phase_has_its_own_requests_and_duration() {
    let report = report(10.0);
    let parts: Vec<_> = report
        .phases
        .iter()
        .map(|part| (part.name.as_str(), part.all_calls.requests, part.seconds))
        .collect();
    assert_eq!(parts, [("with 1", 2, 2.0), ("with 2", 1, 3.0)]);
    assert_eq!(report.phases[0].calls["log in"].requests, 1);
    assert_eq!(report.whole_run.requests, 3);
}

#[test]
fn busy_client_makes_a_run_invalid_and_inconclusive() {
    let sound = report(10.0);
    assert!(sound.valid);
    assert_eq!(sound.outcome, Outcome::Pass);
    let busy = report(71.0);
    assert!(
        !busy.valid && busy.invalid_reasons[0].contains("the client itself"),
        "{busy:?}"
    );
    assert_eq!(busy.outcome, Outcome::Inconclusive);
}

#[test]
fn json_has_its_schema_and_both_latencies() {
    let json = serde_json::to_value(report(10.0)).unwrap();
    assert_eq!(json["schema"], SCHEMA);
    assert_eq!(json["outcome"], "pass");
    assert!(json["all"]["from_intended"]["p999"].is_number());
    assert!(json["all"]["from_sent"]["p999"].is_number());
}
