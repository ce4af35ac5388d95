//! Comparison of published figures with the measured ones: agreement, difference, no decision.

use crate::fixture::report_on;
use comparison::published::published_figures;
use comparison::published_figure::{Agreement, PublishedFigure};
use comparison::report::{CpuUseReport, Report};
use comparison::trial::FigureKind;
use comparison::{Design, Scenario};
use report::figure::Figure;

/// A report with these latencies of whole requests in `central` and `sticky`.
fn report(central_ms: f64, sticky_ms: f64) -> Report {
    let mut report = report_on([Design::Central, Design::Sticky]);
    set(&mut report, Design::Central, FigureKind::P50Ms, Figure::of(&[Ok(central_ms)]));
    set(&mut report, Design::Sticky, FigureKind::P50Ms, Figure::of(&[Ok(sticky_ms)]));
    report
}

fn set(report: &mut Report, design: Design, row: FigureKind, figure: Figure) {
    let is = |cell: &&mut comparison::report::ScenarioFigures| {
        cell.design == design && cell.scenario == Scenario::SteadyLoad
    };
    let cell = report.scenario_figures.iter_mut().find(is).expect("a cell");
    cell.figures.insert(row, figure);
}

fn published_figure(report: &Report, subject: &str) -> PublishedFigure {
    published_figures(report)
        .into_iter()
        .find(|one| one.subject == subject)
        .expect("a claim")
}

#[test]
fn figure_agrees_only_within_the_published_range() {
    let found = |ms| published_figure(&report(ms, 1.0), "whole request, p50").agreement;
    assert_eq!([9.9, 20.1].map(found), [Agreement::Differs; 2]);
    assert_eq!([10.0, 15.0, 20.0].map(found), [Agreement::Agrees; 3]);
    let quick = published_figure(&report(2.13, 1.0), "whole request, p50");
    assert_eq!(quick.measured, "2.13 ms, less than claimed");
}

#[test]
fn one_figure_never_agrees_with_two_contradicting_sources() {
    for ms in [2.0, 4.0, 7.0, 15.0, 30.0] {
        let report = report(ms, 1.0);
        let subject = ["whole request, p50", "with a warm session cache"];
        let agree = subject.map(|subject| {
            published_figure(&report, subject).agreement == Agreement::Agrees
        });
        assert_ne!(agree, [true; 2], "{ms} ms");
    }
    let warm = published_figure(&report(4.0, 1.0), "with a warm session cache");
    assert_eq!(warm.agreement, Agreement::Agrees);
    assert!(warm.measured.contains("the same figure as"), "{warm:?}");
}

#[test]
fn redis_session_cheaper_than_published_differs() {
    let found = |central| {
        published_figure(
            &report(central, 2.0),
            "a session in Redis costs more than in memory",
        )
    };
    assert_eq!(found(2.6).agreement, Agreement::Differs);
    assert_eq!(found(3.5).agreement, Agreement::Agrees);
    assert_eq!(found(3.5).measured, "+1.50 ms");
    assert_eq!(found(1.5).measured, "-0.50 ms, less than claimed");
}

#[test]
fn invalid_latencies_leave_published_figures_inconclusive() {
    let mut report = report(15.0, 13.0);
    let rests_on_latency = |published_figure: &PublishedFigure| {
        let others = ["check of a token's signature", "sticky sessions"];
        let decided =
            [Agreement::Agrees, Agreement::Differs].contains(&published_figure.agreement);
        decided && !others.contains(&published_figure.subject)
    };
    let decided: Vec<_> =
        published_figures(&report).into_iter().filter(rests_on_latency).collect();
    assert!(decided.len() >= 4, "{decided:?}");
    for load in &mut report.cpu_use_reports {
        let mut cpu_use = load.cpu_use;
        cpu_use.machine_percent = Some(99.0);
        *load = CpuUseReport::new(load.scenario, cpu_use, 0.0);
    }
    for was in decided {
        let published_figure = published_figure(&report, was.subject);
        assert_eq!(
            published_figure.agreement,
            Agreement::Inconclusive,
            "{published_figure:?}"
        );
        assert!(published_figure.measured.contains("99 % busy"), "{published_figure:?}");
    }
}

#[test]
fn absent_percentile_shows_its_reason_at_its_figure() {
    let mut report = report(15.0, 13.0);
    let absent = Figure::absent("fewer than 200 good answers");
    set(&mut report, Design::Central, FigureKind::P99Ms, absent);
    let published_figure = published_figure(&report, "whole request, p99");
    assert_eq!(published_figure.agreement, Agreement::NotMeasured);
    assert_eq!(published_figure.measured, "fewer than 200 good answers");
}
