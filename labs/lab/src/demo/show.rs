//! The comparison on the screen: a table, a time axis, the reasons.

use crate::demo::explain::{Row, why};
use crate::demo::facts::Verdict;
use crate::demo::figures::{LaneReport, TICK_MS};
use crate::demo::predict::Prediction;
use crate::demo::report::Report;
use crate::screen::{columns, table, wrapped};

/// Below this many columns a table would be all wrapping, and a list reads better.
const NARROW: usize = 72;

pub(crate) fn print(report: &Report, predictions: &[Prediction]) {
    println!();
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
    println!("{}\n", table(&header, Row::of(report.scenario).map(row).collect()));
}

fn print_lists(report: &Report) {
    for lane in &report.lanes {
        println!("{}", lane.lane.title());
        for row in Row::of(report.scenario) {
            println!("  {:>8}  {}", row.cell(lane, report.users), row.title());
        }
        println!();
    }
}

fn print_timelines(report: &Report) {
    println!("Time, {TICK_MS} ms a letter: . fine  L login lost  x failed  | the fault");
    let room = columns().saturating_sub(24).max(20);
    for lane in &report.lanes {
        // The middle is where it happens; what does not fit is cut from the end.
        let line: String = lane.timeline.chars().take(room).collect();
        println!("  {:20} {line}", lane.lane.title());
    }
    println!();
}

fn print_reasons(report: &Report) {
    println!("Why:");
    for row in Row::of(report.scenario) {
        let cells: Vec<_> =
            report.lanes.iter().map(|lane| row.cell(lane, report.users)).collect();
        if cells.windows(2).all(|pair| pair[0] == pair[1]) {
            continue;
        }
        let mut reasons = report.lanes.iter().zip(&cells).filter_map(|(lane, cell)| {
            let why = why(row, lane, report.scenario)?;
            Some(format!("{}: {cell}. {why}", lane.lane.title()))
        });
        if let Some(first) = reasons.next() {
            println!("  {}", row.title());
            for reason in std::iter::once(first).chain(reasons) {
                println!("{}", wrapped(&reason, 4));
            }
        }
    }
    println!();
}

/// What exactly failed, for whoever doubts the sentence about it.
fn print_failures(report: &Report) {
    for lane in &report.lanes {
        for (what, times) in &lane.failures {
            println!("    {}: {times} x {what}", lane.lane.title());
        }
    }
}

fn print_predictions(report: &Report, predictions: &[Prediction]) {
    if predictions.is_empty() {
        return;
    }
    println!("You said, and it was (users logged out):");
    for prediction in predictions {
        let lane = |lane: &&LaneReport| lane.lane == prediction.lane;
        if let Some(lane) = report.lanes.iter().find(lane) {
            let said = prediction.users;
            println!("  {:20} {said:3} {:3}", lane.lane.title(), lane.logged_out);
        }
    }
    println!();
}

fn print_facts(report: &Report) {
    let broken: Vec<_> = report.facts.iter().filter(|fact| !fact.holds).collect();
    let all = report.facts.len();
    if broken.is_empty() {
        println!("All {all} statements of the concepts hold for this run.");
    }
    for fact in broken {
        println!(
            "NOT AS THE CONCEPTS SAY: {}: {}: expected {}, measured {}",
            fact.lane.title(),
            fact.says,
            fact.expected,
            fact.measured
        );
    }
    if report.verdict == Verdict::CouldNotTell {
        println!(
            "COULD NOT TELL: requests failed while nothing was wrong, or to the end."
        );
        print_failures(report);
    }
    println!("seed {} ({:.0} s)", report.seed, report.seconds);
}
