//! The report on the screen: a table, a time axis, the reasons.

use crate::demo::explain::{ComparisonRow, NO_EXPLANATION, explanation};
use crate::demo::figures::{ConfigurationReport, TICK_MS};
use crate::demo::judgement::RERUN_ADVICE;
use crate::demo::predict::Prediction;
use crate::demo::report::Report;
use crate::screen::{columns, print_line, table, wrapped};
use outcome::Outcome;

/// Below this many columns, the report is a list and not a table.
const MIN_TABLE_COLUMNS: usize = 72;

pub(crate) fn print(report: &Report, predictions: &[Prediction]) {
    print_line("");
    match columns() < MIN_TABLE_COLUMNS {
        true => print_lists(report),
        false => print_table(report),
    }
    print_timelines(report);
    print_reasons(report);
    print_predictions(report, predictions);
    print_run_info(report);
}

fn print_table(report: &Report) {
    let mut header = vec![""];
    header.extend(
        report
            .configurations
            .iter()
            .map(|configuration| configuration.configuration.title()),
    );
    let row = |row: ComparisonRow| {
        let cells = report
            .configurations
            .iter()
            .map(|configuration| row.table_cell(configuration, report.users));
        std::iter::once(row.title().to_owned()).chain(cells).collect()
    };
    let rows = ComparisonRow::of(report.scenario).map(row).collect();
    print_line(format!("{}\n", table(&header, rows)));
}

fn print_lists(report: &Report) {
    for configuration in &report.configurations {
        print_line(configuration.configuration.title());
        for row in ComparisonRow::of(report.scenario) {
            let cell = row.table_cell(configuration, report.users);
            print_line(format!("  {cell:>8}  {}", row.title()));
        }
        print_line("");
    }
}

fn print_timelines(report: &Report) {
    let legend = format!(
        "Each character is {TICK_MS} ms: . all requests ok, L a login lost, x a request \
         failed, * both, blank: no request ended, | the fault."
    );
    print_line(wrapped(&legend, 0));
    let width = columns().saturating_sub(24).max(20);
    for configuration in &report.configurations {
        // The fault is near the beginning, so a line that is too long loses its end.
        let line: String = configuration.timeline.chars().take(width).collect();
        print_line(format!("  {:20} {line}", configuration.configuration.title()));
    }
    print_line("");
}

fn print_reasons(report: &Report) {
    print_line("Why:");
    for row in ComparisonRow::of(report.scenario) {
        let cells: Vec<_> = report
            .configurations
            .iter()
            .map(|configuration| row.table_cell(configuration, report.users))
            .collect();
        if cells.windows(2).all(|pair| pair[0] == pair[1]) {
            continue;
        }
        let mut reasons = report.configurations.iter().zip(&cells).filter_map(
            |(configuration, cell)| {
                let why = match (
                    report.explains(configuration.configuration),
                    explanation(row, configuration, report.scenario)?,
                ) {
                    (true, why) => why,
                    (false, _) => NO_EXPLANATION.to_owned(),
                };
                Some(format!("{}: {cell}. {why}", configuration.configuration.title()))
            },
        );
        if let Some(first) = reasons.next() {
            print_line(format!("  {}", row.title()));
            for reason in std::iter::once(first).chain(reasons) {
                print_line(wrapped(&reason, 4));
            }
        }
    }
    print_line("");
}

/// The failures by kind.
fn print_failures(report: &Report) {
    for configuration in &report.configurations {
        for (what, times) in &configuration.failures {
            print_line(format!(
                "    {}: {times} x {what}",
                configuration.configuration.title()
            ));
        }
    }
}

fn print_predictions(report: &Report, predictions: &[Prediction]) {
    if predictions.is_empty() {
        return;
    }
    print_line("Your prediction and the result (users logged out):");
    for prediction in predictions {
        let configuration = |configuration: &&ConfigurationReport| {
            configuration.configuration == prediction.configuration
        };
        if let Some(configuration) = report.configurations.iter().find(configuration) {
            let predicted = prediction.users;
            let (title, result) =
                (configuration.configuration.title(), configuration.logged_out);
            print_line(format!("  {title:20} {predicted:3} {result:3}"));
        }
    }
    print_line("");
}

fn print_run_info(report: &Report) {
    outcome_lines(report).into_iter().for_each(print_line);
    if report.outcome != Outcome::Pass {
        print_failures(report);
    }
    print_line(format!("seed {} ({:.0} s)", report.seed, report.seconds));
}

/// The outcome as text, with every reason for it.
pub(crate) fn outcome_lines(report: &Report) -> Vec<String> {
    if report.outcome == Outcome::Pass {
        let all = report.checks.len();
        return vec![format!("PASS: all {all} checks of the expected outcome hold.")];
    }
    let broken = report.checks.iter().filter(|check| !check.holds).map(|check| {
        let result = match report.inconclusive_reasons.is_empty() || check.inexcusable {
            true => "FAIL",
            false => "Not shown by this run",
        };
        let (configuration, title) = (check.configuration.title(), &check.title);
        let (expected, measured) = (&check.expected, &check.measured);
        format!(
            "{result}: {configuration}: {title}: expected {expected}, measured {measured}"
        )
    });
    let inconclusive_reasons = report.inconclusive_reasons.iter().map(|reason| {
        format!("INCONCLUSIVE: {}: {}", reason.configuration.title(), reason.reason)
    });
    let again = report.outcome == Outcome::Inconclusive;
    let again = again.then(|| wrapped(RERUN_ADVICE, 0));
    broken.chain(inconclusive_reasons).chain(again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::checks::checks;
    use crate::demo::configuration::Configuration;
    use crate::demo::fixture::{USERS, expected_report};
    use crate::demo::judgement::{inconclusive_reasons, outcome_of};
    use crate::demo::scenario::Scenario;

    /// The text for a run with this many failed requests before the fault.
    fn text(failed_before_fault: usize) -> String {
        let scenario = Scenario::KillAReplica;
        let mut configurations = Configuration::PHASE_1
            .map(|configuration| expected_report(scenario, configuration))
            .to_vec();
        configurations[2].failed_before_fault = failed_before_fault;
        let (checks, inconclusive_reasons) = (
            checks(scenario, USERS, &configurations),
            inconclusive_reasons(scenario, &configurations),
        );
        let outcome = outcome_of(&checks, &inconclusive_reasons);
        let (seed, target, seconds) = (1, "r2".to_owned(), 1.0);
        super::outcome_lines(&Report {
            scenario,
            seed,
            target,
            users: USERS,
            configurations,
            checks,
            inconclusive_reasons,
            outcome,
            seconds,
        })
        .join("\n")
    }

    #[test]
    fn inconclusive_report_advises_another_run() {
        assert!(text(1).contains("INCONCLUSIVE"), "{}", text(1));
        assert!(text(1).contains("Run it again"), "{}", text(1));
        assert!(!text(0).contains("again"), "{}", text(0));
    }
}
