//! A comparison on the screen.

use crate::screen::{print_line, table, wrapped};
use comparison::rows::{self, Rows};
use comparison::{Report, Scenario};
use outcome::Outcome;

/// Prints the report, with the outcome last.
pub(super) fn show(report: &Report) {
    for scenario in report.scenarios() {
        let fault = scenario.fault(&report.made.target);
        print_line(format!("\n{}: {fault}", scenario.title()));
        print(&rows::of_scenario(report, scenario));
    }
    print_line("\nIn every scenario");
    print(&rows::of_designs(report));
    print_line("\nPublished and measured figures");
    print(&rows::of_claims(report));
    print_line("\nLoad of the client");
    print(&rows::of_loads(report));
    print_line("");
    judgement(report).into_iter().for_each(print_line);
    let made = &report.made;
    print_line(format!(
        "seed {}, {} build, {} cores, {} ({:.0} s)",
        made.seed,
        made.profile,
        made.machine.cores,
        made.services.join(", "),
        made.seconds
    ));
}

fn print(rows: &Rows) {
    let header: Vec<_> = rows.header.iter().map(String::as_str).collect();
    print_line(table(&header, rows.rows.clone()));
}

/// The outcome as text, with every reason for it.
pub(super) fn judgement(report: &Report) -> Vec<String> {
    let all = report.statements.len();
    let mut lines = Vec::new();
    for one in report.statements.iter().filter(|one| one.outcome != Outcome::Pass) {
        let scenario = one.scenario.map_or("in every scenario", Scenario::as_str);
        let (design, says) = (one.design, &one.says);
        let (expected, measured) = (&one.expected, &one.measured);
        let line = match one.outcome {
            Outcome::Inconclusive => format!(
                "INCONCLUSIVE: {design}, {scenario}: {says}: {}",
                one.doubts.join("; ")
            ),
            _ => format!(
                "FAIL: {design}, {scenario}: {says}: expected {expected}, measured \
                 {measured} (seed {})",
                report.made.seed
            ),
        };
        lines.push(wrapped(&line, 0));
    }
    if lines.is_empty() {
        lines.push(format!("PASS: all {all} checks of the expected outcome hold."));
    }
    lines.extend(report.latency_doubts());
    lines
}
