//! Comparison of published figures with the measured ones: agreement, difference, no decision.

use crate::fixture::report_on;
use comparison::claimed::{Claim, Finding, claims};
use comparison::figure::Figure;
use comparison::report::{LoadReport, Report};
use comparison::trial::Row;
use comparison::{Design, Scenario};

/// A report with these latencies of whole requests in `central` and `sticky`.
fn report(central_ms: f64, sticky_ms: f64) -> Report {
    let mut report = report_on([Design::Central, Design::Sticky]);
    set(&mut report, Design::Central, Row::P50Ms, Figure::of(&[Ok(central_ms)]));
    set(&mut report, Design::Sticky, Row::P50Ms, Figure::of(&[Ok(sticky_ms)]));
    report
}

fn set(report: &mut Report, design: Design, row: Row, figure: Figure) {
    let is = |cell: &&mut comparison::report::Cell| {
        cell.design == design && cell.scenario == Scenario::SteadyLoad
    };
    let cell = report.cells.iter_mut().find(is).expect("a cell");
    cell.figures.insert(row, figure);
}

fn claim(report: &Report, about: &str) -> Claim {
    claims(report).into_iter().find(|one| one.about == about).expect("a claim")
}

#[test]
fn figure_agrees_only_within_the_published_range() {
    let found = |ms| claim(&report(ms, 1.0), "whole request, p50").finding;
    assert_eq!([9.9, 20.1].map(found), [Finding::Differs; 2]);
    assert_eq!([10.0, 15.0, 20.0].map(found), [Finding::Agrees; 3]);
    let quick = claim(&report(2.13, 1.0), "whole request, p50");
    assert_eq!(quick.measured, "2.13 ms, less than claimed");
}

#[test]
fn one_figure_never_agrees_with_two_contradicting_claims() {
    for ms in [2.0, 4.0, 7.0, 15.0, 30.0] {
        let report = report(ms, 1.0);
        let about = ["whole request, p50", "with a warm session cache"];
        let agree = about.map(|about| claim(&report, about).finding == Finding::Agrees);
        assert_ne!(agree, [true; 2], "{ms} ms");
    }
    let warm = claim(&report(4.0, 1.0), "with a warm session cache");
    assert_eq!(warm.finding, Finding::Agrees);
    assert!(warm.measured.contains("the same figure as"), "{warm:?}");
}

#[test]
fn redis_session_cheaper_than_published_differs() {
    let found = |central| {
        claim(&report(central, 2.0), "a session in Redis costs more than in memory")
    };
    assert_eq!(found(2.6).finding, Finding::Differs);
    assert_eq!(found(3.5).finding, Finding::Agrees);
    assert_eq!(found(3.5).measured, "+1.50 ms");
    assert_eq!(found(1.5).measured, "-0.50 ms, less than claimed");
}

#[test]
fn invalid_latencies_leave_claims_open_with_a_reason() {
    let mut report = report(15.0, 13.0);
    let rests_on_latency = |claim: &Claim| {
        let others = ["check of a token's signature", "sticky sessions"];
        let decided = [Finding::Agrees, Finding::Differs].contains(&claim.finding);
        decided && !others.contains(&claim.about)
    };
    let decided: Vec<_> = claims(&report).into_iter().filter(rests_on_latency).collect();
    assert!(decided.len() >= 4, "{decided:?}");
    for load in &mut report.loads {
        let mut busy = load.busy;
        busy.machine_percent = Some(99.0);
        *load = LoadReport::new(load.scenario, busy, 0.0);
    }
    for was in decided {
        let claim = claim(&report, was.about);
        assert_eq!(claim.finding, Finding::Inconclusive, "{claim:?}");
        assert!(claim.measured.contains("99 % busy"), "{claim:?}");
    }
}

#[test]
fn absent_percentile_shows_its_reason_at_its_claim() {
    let mut report = report(15.0, 13.0);
    let absent = Figure::absent("fewer than 200 good answers");
    set(&mut report, Design::Central, Row::P99Ms, absent);
    let claim = claim(&report, "whole request, p99");
    assert_eq!(claim.finding, Finding::NotMeasured);
    assert_eq!(claim.measured, "fewer than 200 good answers");
}
