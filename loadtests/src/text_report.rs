//! Prints a report: one line for each call and phase, the checks, and the outcome last.

use crate::figures::Figures;
use crate::report::Report;
use report::latency::Percentiles;
use std::collections::BTreeMap;

/// The whole report.
pub(crate) fn text_report(report: &Report) -> String {
    let mut lines = vec![header()];
    for phase in &report.phases {
        let (name, seconds, replicas) = (&phase.name, phase.seconds, phase.replicas);
        lines.push(format!("{name} ({seconds:.1} s, {replicas} replicas)"));
        for (call, figures) in &phase.calls {
            lines.push(row(&format!("  {call}"), figures));
        }
    }
    lines.push(row("the whole run", &report.whole_run));
    lines.push(String::new());
    lines.extend(check_lines(report));
    lines.push(run_info_line(report));
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
    let intended = figures.from_intended;
    let cells = [
        figures.requests.to_string(),
        (figures.requests - figures.successes).to_string(),
        wait(intended, |waits| waits.p50),
        wait(intended, |waits| waits.p95),
        wait(intended, |waits| waits.p99),
        wait(intended, |waits| waits.p999),
        wait(figures.from_sent, |waits| waits.p99),
    ];
    let kinds = failure_kinds(&figures.failures);
    match kinds.is_empty() {
        true => line(name, &cells),
        false => format!("{}\n    not fine: {kinds}", line(name, &cells)),
    }
}

fn line(name: &str, cells: &[String; 7]) -> String {
    let cells = cells.iter().map(|cell| format!("{cell:>9}"));
    format!("{name:<44}{}", cells.collect::<String>())
}

fn failure_kinds(failures: &BTreeMap<String, u64>) -> String {
    let kinds = failures.iter().map(|(kind, count)| format!("{count} {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

fn check_lines(report: &Report) -> Vec<String> {
    let checks = report.checks.iter();
    let mut lines: Vec<_> = checks
        .map(|one| format!("{}: {} ({})", one.title, one.outcome.as_str(), one.measured))
        .collect();
    let cpu_use = &report.cpu_use;
    let machine = cpu_use.machine_percent.map_or_else(
        || "not reported".to_owned(),
        |percent| format!("{percent:.0} % of all cores"),
    );
    lines.push(format!(
        "the client used {:.0} % of one core and was {:.1} ms late in one request of a \
         hundred; the machine: {machine}",
        cpu_use.client_percent, report.client_late_p99_ms
    ));
    let reasons = report.invalid_reasons.iter();
    lines.extend(
        reasons.map(|reason| format!("INVALID, latencies do not count: {reason}")),
    );
    lines.push(format!("{}: {}", report.run_info.scenario, report.outcome.as_str()));
    lines
}

fn run_info_line(report: &Report) -> String {
    let run_info = &report.run_info;
    format!(
        "{} before {} replicas, {} users at {} a second each, seed {}, {} build, {} cores, \
         {}",
        run_info.design,
        run_info.replicas,
        run_info.users,
        run_info.rate,
        run_info.seed,
        run_info.profile,
        run_info.machine.cores,
        run_info.services.join(", ")
    )
}
