//! A comparison on the screen.

use crate::screen::{columns, print_line, wrapped};
use comparison::{Report, Scenario, tables};
use outcome::Outcome;
use report::table::Table;

/// Prints the report, with the outcome last.
pub(super) fn show(report: &Report) {
    for scenario in report.scenarios() {
        let fault = scenario.fault(&report.run_info.target);
        print_line(format!("\n{}: {fault}", scenario.title()));
        print(&tables::of_scenario(report, scenario));
    }
    print_line("\nIn every scenario");
    print(&tables::of_designs(report));
    print_line("\nPublished and measured figures");
    print(&tables::of_published_figures(report));
    print_line("\nLoad of the client");
    print(&tables::of_cpu_use(report));
    print_line("");
    judgement(report).into_iter().for_each(print_line);
    let run_info = &report.run_info;
    print_line(format!(
        "seed {}, {} build, {} cores, {} ({:.0} s)",
        run_info.seed,
        run_info.profile,
        run_info.machine.cores,
        run_info.services.join(", "),
        run_info.seconds
    ));
}

fn print(figures: &Table) {
    print_line(figures.terminal(columns()));
}

/// The outcome as text, with every reason for it.
pub(super) fn judgement(report: &Report) -> Vec<String> {
    let all = report.checks.len();
    let mut lines = Vec::new();
    for one in report.checks.iter().filter(|one| one.outcome != Outcome::Pass) {
        let scenario = one.scenario.map_or("in every scenario", Scenario::as_str);
        let (design, title) = (one.design, &one.title);
        let (expected, measured) = (&one.expected, &one.measured);
        let line = match one.outcome {
            Outcome::Inconclusive => format!(
                "INCONCLUSIVE: {design}, {scenario}: {title}: {}",
                one.inconclusive_reasons.join("; ")
            ),
            _ => format!(
                "FAIL: {design}, {scenario}: {title}: expected {expected}, measured \
                 {measured} (seed {})",
                report.run_info.seed
            ),
        };
        lines.push(wrapped(&line, 0));
    }
    if lines.is_empty() {
        lines.push(format!("PASS: all {all} checks of the expected outcome hold."));
    }
    lines.extend(report.invalid_latency_reasons());
    lines
}
