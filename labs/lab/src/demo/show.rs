//! The report on the screen. The reasons come first, because the last screen is the result:
//! the table with the predictions, the timelines and the outcome. It fits 80 columns and 24
//! lines.

use crate::demo::explain::{ComparisonRow, NO_EXPLANATION, explanation};
use crate::demo::figures::{ConfigurationReport, TICK_MS};
use crate::demo::judgement::RERUN_ADVICE;
use crate::demo::predict::Prediction;
use crate::demo::report::Report;
use crate::screen::{coloured, columns, print_line, wrapped, wrapped_within};
use comfy_table::{Cell, Color};
use console::style;
use outcome::Outcome;
use report::table::terminal_table;

/// Below this many columns, the report is a list and not a table.
const MIN_TABLE_COLUMNS: usize = 72;

/// Columns of a configuration's name beside its timeline.
const NAME_COLUMNS: usize = 20;

pub(crate) fn print(report: &Report, predictions: &[Prediction]) {
    print_line("");
    print_reasons(report);
    if report.outcome != Outcome::Pass {
        print_failures(report);
        outcome_lines(report).into_iter().for_each(print_line);
        print_line("");
    }
    last_screen(report, predictions, columns()).into_iter().for_each(print_line);
}

/// The result, line by line.
fn last_screen(report: &Report, predictions: &[Prediction], width: usize) -> Vec<String> {
    let (title, fault) = (report.scenario.title(), report.fault());
    let both = format!("{title}: {fault}");
    let fits = both.chars().count() <= width;
    let mut lines = vec![if fits { both } else { title.to_owned() }, String::new()];
    let results = match width < MIN_TABLE_COLUMNS {
        true => result_lists(report, predictions),
        false => result_table(report, predictions, width),
    };
    lines.extend(results.lines().map(str::to_owned));
    lines.push(String::new());
    lines.extend(timelines(report, width));
    lines.push(String::new());
    lines.push(outcome_line(report));
    lines.push(report.repetition());
    lines
}

fn result_table(report: &Report, predictions: &[Prediction], width: usize) -> String {
    let mut header = vec![""];
    header.extend(report.configurations.iter().map(|one| one.configuration.title()));
    let mut rows = Vec::new();
    for row in ComparisonRow::of(report.scenario) {
        let cells = report.configurations.iter().map(|one| cell(row, one, report.users));
        rows.push(std::iter::once(Cell::new(row.title())).chain(cells).collect());
        if row == ComparisonRow::LoggedOut && !predictions.is_empty() {
            let cells =
                report.configurations.iter().map(|one| prediction(one, predictions));
            let title = Cell::new("your prediction");
            rows.push(std::iter::once(title).chain(cells).collect());
        }
    }
    terminal_table(width, &header, rows).to_string()
}

/// A cell; red for a lost login, yellow for a failed request.
fn cell(row: ComparisonRow, report: &ConfigurationReport, users: usize) -> Cell {
    let text = row.table_cell(report, users);
    match row {
        ComparisonRow::LoggedOut if report.logged_out == 0 => {
            coloured(text, Color::Green)
        }
        ComparisonRow::LoggedOut => coloured(text, Color::Red),
        ComparisonRow::LostBefore if report.logins_lost_before_fault > 0 => {
            coloured(text, Color::Red)
        }
        ComparisonRow::LostSince if report.logins_lost_since_fault > 0 => {
            coloured(text, Color::Red)
        }
        ComparisonRow::Failed if report.failed > 0 => coloured(text, Color::Yellow),
        _ => Cell::new(text),
    }
}

/// The prediction for a configuration, and whether it is right.
fn prediction(report: &ConfigurationReport, predictions: &[Prediction]) -> Cell {
    let own = predictions.iter().find(|one| one.configuration == report.configuration);
    match own {
        None => Cell::new("-"),
        Some(one) if one.users == report.logged_out => {
            coloured(format!("✔ {}", one.users), Color::Green)
        }
        Some(one) => coloured(format!("✘ {}", one.users), Color::Red),
    }
}

fn result_lists(report: &Report, predictions: &[Prediction]) -> String {
    let mut lines = Vec::new();
    for configuration in &report.configurations {
        lines.push(configuration.configuration.title().to_owned());
        for row in ComparisonRow::of(report.scenario) {
            let cell = row.table_cell(configuration, report.users);
            lines.push(format!("  {cell:>14}  {}", row.title()));
        }
        if !predictions.is_empty() {
            let prediction = prediction(configuration, predictions);
            lines.push(format!("  {:>14}  your prediction", prediction.content()));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

fn timelines(report: &Report, width: usize) -> Vec<String> {
    let mut lines = vec![format!(
        "Each sign is {TICK_MS} ms: . ok, L login lost, x request failed, * both, | the fault"
    )];
    let columns = width.saturating_sub(NAME_COLUMNS + 1).max(20);
    for configuration in &report.configurations {
        // The fault is near the beginning, so a line that is too long loses its end.
        let line: String =
            configuration.timeline.chars().take(columns).map(sign).collect();
        let title = configuration.configuration.title();
        lines.push(format!("{title:NAME_COLUMNS$} {line}"));
    }
    lines
}

/// A sign of the timeline, in its colour.
fn sign(sign: char) -> String {
    match sign {
        'L' | '*' => style(sign).red().to_string(),
        'x' => style(sign).yellow().to_string(),
        '|' => style(sign).bold().to_string(),
        _ => sign.to_string(),
    }
}

/// One sentence for each cell. Equal sentences of a row are one.
fn print_reasons(report: &Report) {
    print_line("Why:");
    for row in ComparisonRow::of(report.scenario) {
        print_line(format!("  {}", row.title()));
        for (titles, reason) in reasons(report, row) {
            print_line(wrapped(&format!("{}: {reason}", titles.join("; ")), 4));
        }
    }
    print_line("");
}

/// The reasons for a row, each with the titles of its configurations and their cells.
fn reasons(report: &Report, row: ComparisonRow) -> Vec<(Vec<String>, String)> {
    let mut reasons: Vec<(Vec<String>, String)> = Vec::new();
    for one in &report.configurations {
        let reason = match report.explains(one.configuration) {
            true => explanation(row, one, report.scenario),
            false => NO_EXPLANATION.to_owned(),
        };
        let cell = row.table_cell(one, report.users);
        let title = format!("{} {cell}", one.configuration.title());
        match reasons.iter_mut().find(|(_, known)| *known == reason) {
            Some((titles, _)) => titles.push(title),
            None => reasons.push((vec![title], reason)),
        }
    }
    reasons
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

/// The outcome in one line. Its reasons stand above the last screen.
fn outcome_line(report: &Report) -> String {
    let all = report.checks.len();
    let broken = report.checks.iter().filter(|check| !check.holds).count();
    match report.outcome {
        Outcome::Pass => {
            let text = format!("PASS: all {all} checks of the expected outcome hold.");
            style(text).green().to_string()
        }
        Outcome::Inconclusive => {
            style("INCONCLUSIVE: the reasons stand above.").yellow().to_string()
        }
        _ => {
            let text = format!("FAIL: {broken} of {all} checks do not hold; see above.");
            style(text).red().to_string()
        }
    }
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
    let again = again.then(|| wrapped_within(columns(), RERUN_ADVICE, 0));
    broken.chain(inconclusive_reasons).chain(again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::checks::checks;
    use crate::demo::configuration::Configuration;
    use crate::demo::fixture::{USERS, expected_report};
    use crate::demo::judgement::{inconclusive_reasons, outcome_of};
    use crate::demo::latency::Latencies;
    use crate::demo::scenario::Scenario;

    /// A report with this many failed requests before the fault.
    fn report(scenario: Scenario, failed_before_fault: usize) -> Report {
        let configurations = scenario.configurations().iter();
        let mut configurations: Vec<_> = configurations
            .map(|configuration| expected_report(scenario, *configuration))
            .collect();
        configurations[1].failed_before_fault = failed_before_fault;
        let (checks, inconclusive_reasons) = (
            checks(scenario, USERS, &configurations),
            inconclusive_reasons(scenario, &configurations),
        );
        let outcome = outcome_of(&checks, &inconclusive_reasons);
        let (seed, target, seconds) = (8_888, "r2".to_owned(), 1.0);
        Report {
            scenario,
            seed,
            target,
            users: USERS,
            configurations,
            checks,
            inconclusive_reasons,
            outcome,
            seconds,
        }
    }

    #[test]
    fn inconclusive_report_advises_another_run() {
        let text = |failed_before_fault| {
            let report = report(Scenario::KillAReplica, failed_before_fault);
            outcome_lines(&report).join("\n")
        };
        assert!(text(1).contains("INCONCLUSIVE"), "{}", text(1));
        assert!(text(1).contains("Run it again"), "{}", text(1));
        assert!(!text(0).contains("again"), "{}", text(0));
    }

    #[test]
    fn last_screen_fits_small_terminals_in_every_scenario() {
        // With few requests a cell has a maximum instead of a percentile.
        let cases =
            [60, 187, 1_000].map(|requests| Scenario::ALL.map(|it| (requests, it)));
        for (requests, scenario) in cases.into_iter().flatten() {
            let mut report = report(scenario, 0);
            for one in &mut report.configurations {
                one.latency_before = Latencies::of((1..=requests).map(|at| at * 500));
                one.latency_since = Latencies::of((1..=requests).map(|at| at * 2_000));
            }
            let predictions: Vec<_> = scenario
                .configurations()
                .iter()
                .map(|one| Prediction { configuration: *one, users: 10 })
                .collect();
            // The last line of the terminal is the prompt of the shell.
            for (width, height) in [(80, 23), (100, 29)] {
                let lines = last_screen(&report, &predictions, width);
                let text = lines.join("\n");
                assert!(lines.len() <= height, "{scenario:?} {}:\n{text}", lines.len());
                let widest = lines.iter().map(|line| console::measure_text_width(line));
                assert!(widest.max() <= Some(width), "{scenario:?}:\n{text}");
                for part in ["✘ 10", "p99 before", "p99 since", "xL*", "PASS", "--seed"]
                {
                    assert!(text.contains(part), "{scenario:?} lacks {part}:\n{text}");
                }
            }
        }
    }

    #[test]
    fn prediction_is_compared_with_the_figure_of_the_question() {
        let report = report(Scenario::KillAReplica, 0);
        let [.., token] = &report.configurations[..] else { panic!("three") };
        let marks = |users| {
            let configuration = Configuration::Token;
            let own = [Prediction { configuration, users }];
            prediction(token, &own).content()
        };
        assert_eq!((marks(0), marks(4)), ("✔ 0".to_owned(), "✘ 4".to_owned()));
        assert_eq!(prediction(token, &[]).content(), "-");
    }

    #[test]
    fn every_row_of_every_scenario_has_a_reason() {
        for scenario in Scenario::ALL {
            let report = report(scenario, 0);
            for row in ComparisonRow::of(scenario) {
                let reasons = reasons(&report, row);
                let titles =
                    reasons.iter().map(|(titles, _)| titles.len()).sum::<usize>();
                assert_eq!(titles, report.configurations.len(), "{scenario:?} {row:?}");
                assert!(reasons.iter().all(|(_, reason)| reason.len() > 20), "{row:?}");
            }
        }
    }
}
