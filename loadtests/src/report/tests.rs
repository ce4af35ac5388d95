//! Reports of synthetic runs.

use super::*;
use crate::story::{Plot, Usual, Work};
use cluster::Backing;
use comparison::Design;

const STORY: Story = Story {
    name: "a_story",
    asks: "Tests the report.",
    work: Work::Sessions,
    plot: Plot::Nothing,
    usual: Usual::SMOKE,
    smoke: Usual::SMOKE,
};

fn book() -> Book {
    let phase = |name: &str, from_us| Phase {
        name: name.to_owned(),
        from_us,
        disturbed: false,
        replicas: 1,
    };
    let sample = |meant_us, call| Sample {
        user: 0,
        call,
        meant_us,
        sent_us: meant_us,
        ended_us: meant_us + 1_000,
        ended: Ended::Fine,
        served_by: None,
    };
    Book {
        phases: vec![phase("with 1", 0), phase("with 2", 2_000_000)],
        samples: vec![
            sample(0, Call::Session),
            sample(1_500_000, Call::LogIn),
            sample(2_500_000, Call::Session),
        ],
        span_us: 5_000_000,
        ..Book::default()
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
    let made = Made {
        date: "2026-11-21T10:00:00Z".to_owned(),
        story: STORY.name,
        command: "a_story".to_owned(),
        design: "central",
        replicas: 1,
        users: 1,
        rate: 1.0,
        seconds: 5,
        seed: 1,
        smoke: true,
        profile: "debug",
        machine: Machine::this(),
        services: Vec::new(),
    };
    let busy = Busy { client_percent, machine_percent: Some(50.0) };
    Report::new(&STORY, &settings, made, &book(), ReadBack::default(), busy)
}

#[test]
fn each_phase_has_its_own_requests_and_duration() {
    let report = report(10.0);
    let parts: Vec<_> = report
        .phases
        .iter()
        .map(|part| (part.name.as_str(), part.all.requests, part.seconds))
        .collect();
    assert_eq!(parts, [("with 1", 2, 2.0), ("with 2", 1, 3.0)]);
    assert_eq!(report.phases[0].calls["log in"].requests, 1);
    assert_eq!(report.all.requests, 3);
}

#[test]
fn busy_client_makes_a_run_invalid_and_inconclusive() {
    let sound = report(10.0);
    assert!(sound.valid);
    assert_eq!(sound.outcome, Outcome::Pass);
    let busy = report(71.0);
    assert!(!busy.valid && busy.doubts[0].contains("the client itself"), "{busy:?}");
    assert_eq!(busy.outcome, Outcome::Inconclusive);
}

#[test]
fn json_has_its_schema_and_both_latencies() {
    let json = serde_json::to_value(report(10.0)).unwrap();
    assert_eq!(json["schema"], SCHEMA);
    assert_eq!(json["outcome"], "pass");
    assert!(json["all"]["from_meant"]["p999"].is_number());
    assert!(json["all"]["from_sent"]["p999"].is_number());
}
