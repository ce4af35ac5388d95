//! A comparison on the screen.

use crate::screen::{say, table, wrapped};
use comparison::rows::{self, Rows};
use comparison::{Report, Scenario, Verdict};

/// Everything, the verdict last.
pub(super) fn show(report: &Report) {
    for scenario in report.scenarios() {
        let fault = scenario.fault(&report.made.victim);
        say(format!("\n{}: {fault}", scenario.title()));
        print(&rows::of_scenario(report, scenario));
    }
    say("\nWhatever happens");
    print(&rows::of_designs(report));
    say("\nClaimed and measured");
    print(&rows::of_claims(report));
    say("\nHow busy the client was");
    print(&rows::of_loads(report));
    say("");
    judgement(report).into_iter().for_each(say);
    let made = &report.made;
    say(format!(
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
    say(table(&header, rows.rows.clone()));
}

/// The verdict in words, with every reason for it.
pub(super) fn judgement(report: &Report) -> Vec<String> {
    let all = report.statements.len();
    let mut lines = Vec::new();
    for one in report.statements.iter().filter(|one| one.verdict != Verdict::Pass) {
        let scenario = one.scenario.map_or("in any scenario", Scenario::as_str);
        let (design, says) = (one.design, &one.says);
        let (expected, measured) = (&one.expected, &one.measured);
        let line = match one.verdict {
            Verdict::CouldNotTell => format!(
                "COULD NOT TELL: {design}, {scenario}: {says}: {}",
                one.doubts.join("; ")
            ),
            _ => format!(
                "NOT AS THE CONCEPTS SAY: {design}, {scenario}: {says}: expected \
                 {expected}, measured {measured} (seed {})",
                report.made.seed
            ),
        };
        lines.push(wrapped(&line, 0));
    }
    if lines.is_empty() {
        lines.push(format!("All {all} statements of the concepts hold for this run."));
    }
    lines.extend(report.latency_doubts());
    lines
}
