//! Prints a report: one line for each call and phase, the checks, and the outcome last.

use crate::figures::Figures;
use crate::report::Report;
use comparison::latency::Percentiles;
use std::collections::BTreeMap;

/// The whole report.
pub(crate) fn show(report: &Report) -> String {
    let mut lines = vec![header()];
    for part in &report.phases {
        let (name, seconds, replicas) = (&part.name, part.seconds, part.replicas);
        lines.push(format!("{name} ({seconds:.1} s, {replicas} replicas)"));
        for (call, figures) in &part.calls {
            lines.push(row(&format!("  {call}"), figures));
        }
    }
    lines.push(row("the whole story", &report.all));
    lines.push(String::new());
    lines.extend(judgement(report));
    lines.push(made(report));
    lines.join("\n") + "\n"
}

fn header() -> String {
    let names = ["requests", "not fine", "p50", "p95", "p99", "p99.9", "sent p99"];
    line("milliseconds from the intended start", &names.map(str::to_owned))
}

fn row(name: &str, figures: &Figures) -> String {
    let wait = |waits: Option<Percentiles>, of: fn(&Percentiles) -> f64| {
        waits.as_ref().map_or_else(|| "-".to_owned(), |waits| format!("{:.1}", of(waits)))
    };
    let meant = figures.from_meant;
    let cells = [
        figures.requests.to_string(),
        (figures.requests - figures.fine).to_string(),
        wait(meant, |waits| waits.p50),
        wait(meant, |waits| waits.p95),
        wait(meant, |waits| waits.p99),
        wait(meant, |waits| waits.p999),
        wait(figures.from_sent, |waits| waits.p99),
    ];
    let kinds = kinds(&figures.not_fine);
    match kinds.is_empty() {
        true => line(name, &cells),
        false => format!("{}\n    not fine: {kinds}", line(name, &cells)),
    }
}

fn line(name: &str, cells: &[String; 7]) -> String {
    let cells = cells.iter().map(|cell| format!("{cell:>9}"));
    format!("{name:<44}{}", cells.collect::<String>())
}

fn kinds(not_fine: &BTreeMap<String, u64>) -> String {
    let kinds = not_fine.iter().map(|(kind, count)| format!("{count} {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

fn judgement(report: &Report) -> Vec<String> {
    let promises = report.promises.iter();
    let mut lines: Vec<_> = promises
        .map(|one| format!("{}: {} ({})", one.promise, one.outcome.as_str(), one.found))
        .collect();
    let busy = &report.busy;
    let machine = busy.machine_percent.map_or_else(
        || "not reported".to_owned(),
        |percent| format!("{percent:.0} % of all cores"),
    );
    lines.push(format!(
        "the client used {:.0} % of one core and was {:.1} ms late in one request of a \
         hundred; the machine: {machine}",
        busy.client_percent, report.client_late_p99_ms
    ));
    let doubts = report.doubts.iter();
    lines.extend(doubts.map(|doubt| format!("INVALID, latencies do not count: {doubt}")));
    lines.push(format!("{}: {}", report.made.story, report.outcome.as_str()));
    lines
}

fn made(report: &Report) -> String {
    let made = &report.made;
    format!(
        "{} before {} replicas, {} users at {} a second each, seed {}, {} build, {} cores, \
         {}",
        made.design,
        made.replicas,
        made.users,
        made.rate,
        made.seed,
        made.profile,
        made.machine.cores,
        made.services.join(", ")
    )
}
