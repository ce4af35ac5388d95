//! The report on the screen: a table, a time axis, the reasons.

use crate::demo::explain::{Row, WITHHELD, why};
use crate::demo::figures::{LaneReport, TICK_MS};
use crate::demo::predict::Prediction;
use crate::demo::report::Report;
use crate::demo::verdict::RUN_IT_AGAIN;
use crate::screen::{columns, say, table, wrapped};
use outcome::Outcome;

/// Below this many columns, the report is a list and not a table.
const NARROW: usize = 72;

pub(crate) fn print(report: &Report, predictions: &[Prediction]) {
    say("");
    match columns() < NARROW {
        true => print_lists(report),
        false => print_table(report),
    }
    print_timelines(report);
    print_reasons(report);
    print_predictions(report, predictions);
    print_facts(report);
}

fn print_table(report: &Report) {
    let mut header = vec![""];
    header.extend(report.lanes.iter().map(|lane| lane.lane.title()));
    let row = |row: Row| {
        let cells = report.lanes.iter().map(|lane| row.cell(lane, report.users));
        std::iter::once(row.title().to_owned()).chain(cells).collect()
    };
    let rows = Row::of(report.scenario).map(row).collect();
    say(format!("{}\n", table(&header, rows)));
}

fn print_lists(report: &Report) {
    for lane in &report.lanes {
        say(lane.lane.title());
        for row in Row::of(report.scenario) {
            let cell = row.cell(lane, report.users);
            say(format!("  {cell:>8}  {}", row.title()));
        }
        say("");
    }
}

fn print_timelines(report: &Report) {
    let legend = format!(
        "Time, {TICK_MS} ms a letter: . ok, L login lost, x failed, * both, blank: no \
         answer, | the fault."
    );
    say(wrapped(&legend, 0));
    let room = columns().saturating_sub(24).max(20);
    for lane in &report.lanes {
        // The fault is near the beginning, so a line that is too long loses its end.
        let line: String = lane.timeline.chars().take(room).collect();
        say(format!("  {:20} {line}", lane.lane.title()));
    }
    say("");
}

fn print_reasons(report: &Report) {
    say("Why:");
    for row in Row::of(report.scenario) {
        let cells: Vec<_> =
            report.lanes.iter().map(|lane| row.cell(lane, report.users)).collect();
        if cells.windows(2).all(|pair| pair[0] == pair[1]) {
            continue;
        }
        let mut reasons = report.lanes.iter().zip(&cells).filter_map(|(lane, cell)| {
            let why = match (report.explains(lane.lane), why(row, lane, report.scenario)?)
            {
                (true, why) => why,
                (false, _) => WITHHELD.to_owned(),
            };
            Some(format!("{}: {cell}. {why}", lane.lane.title()))
        });
        if let Some(first) = reasons.next() {
            say(format!("  {}", row.title()));
            for reason in std::iter::once(first).chain(reasons) {
                say(wrapped(&reason, 4));
            }
        }
    }
    say("");
}

/// The failures by kind.
fn print_failures(report: &Report) {
    for lane in &report.lanes {
        for (what, times) in &lane.failures {
            say(format!("    {}: {times} x {what}", lane.lane.title()));
        }
    }
}

fn print_predictions(report: &Report, predictions: &[Prediction]) {
    if predictions.is_empty() {
        return;
    }
    say("Your prediction and the result (users logged out):");
    for prediction in predictions {
        let lane = |lane: &&LaneReport| lane.lane == prediction.lane;
        if let Some(lane) = report.lanes.iter().find(lane) {
            let predicted = prediction.users;
            let (title, result) = (lane.lane.title(), lane.logged_out);
            say(format!("  {title:20} {predicted:3} {result:3}"));
        }
    }
    say("");
}

fn print_facts(report: &Report) {
    verdict(report).into_iter().for_each(say);
    if report.outcome != Outcome::Pass {
        print_failures(report);
    }
    say(format!("seed {} ({:.0} s)", report.seed, report.seconds));
}

/// The outcome as text, with every reason for it.
pub(crate) fn verdict(report: &Report) -> Vec<String> {
    if report.outcome == Outcome::Pass {
        let all = report.facts.len();
        return vec![format!("PASS: all {all} checks of the expected outcome hold.")];
    }
    let broken = report.facts.iter().filter(|fact| !fact.holds).map(|fact| {
        let result = match report.doubts.is_empty() || fact.inexcusable {
            true => "FAIL",
            false => "Not shown by this run",
        };
        let (lane, says) = (fact.lane.title(), &fact.says);
        let (expected, measured) = (&fact.expected, &fact.measured);
        format!("{result}: {lane}: {says}: expected {expected}, measured {measured}")
    });
    let doubts = report
        .doubts
        .iter()
        .map(|doubt| format!("INCONCLUSIVE: {}: {}", doubt.lane.title(), doubt.says));
    let again = report.outcome == Outcome::Inconclusive;
    let again = again.then(|| wrapped(RUN_IT_AGAIN, 0));
    broken.chain(doubts).chain(again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::facts::facts;
    use crate::demo::lane::Lane;
    use crate::demo::scenario::Scenario;
    use crate::demo::specimen::{USERS, as_it_should};
    use crate::demo::verdict::{doubts, outcome_of};

    /// The text for a run with this many failed requests before the fault.
    fn text(failed_before: usize) -> String {
        let scenario = Scenario::KillAReplica;
        let mut lanes = Lane::PHASE_1.map(|lane| as_it_should(scenario, lane)).to_vec();
        lanes[2].failed_before = failed_before;
        let (facts, doubts) = (facts(scenario, USERS, &lanes), doubts(scenario, &lanes));
        let outcome = outcome_of(&facts, &doubts);
        let (seed, target, seconds) = (1, "r2".to_owned(), 1.0);
        super::verdict(&Report {
            scenario,
            seed,
            target,
            users: USERS,
            lanes,
            facts,
            doubts,
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
