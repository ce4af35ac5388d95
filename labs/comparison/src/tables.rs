//! The tables of a report, the same in a terminal, in Markdown and on the page.

use crate::published_figure::PublishedFigure;
use crate::report::{DesignReport, Report};
use crate::scenario::Scenario;
use crate::trial::FigureKind;
use api_contract::design::Design;
use report::figure::Figure;
use report::table::Table;

/// The designs of a report, in the order of the columns.
#[must_use]
pub fn designs(report: &Report) -> Vec<Design> {
    report.designs.iter().map(|one| one.design).collect()
}

/// The table of one scenario: a row for each figure, a column for each design.
#[must_use]
pub fn of_scenario(report: &Report, scenario: Scenario) -> Table {
    let columns = designs(report);
    let cell = |design: &Design, row| {
        let figure = report.figure(*design, scenario, row);
        figure.map_or_else(String::new, Figure::table_cell)
    };
    let row = |row: FigureKind| {
        let cells = columns.iter().map(|design| cell(design, row));
        std::iter::once(row.title().to_owned()).chain(cells).collect()
    };
    Table { header: header(&columns), rows: FigureKind::of(scenario).map(row).collect() }
}

/// The figures that do not depend on the scenario, in the same layout.
#[must_use]
pub fn of_designs(report: &Report) -> Table {
    type Cell = fn(&DesignReport) -> String;
    let rows: [(&str, Cell); 5] = [
        ("own memory of a replica per 1,000 logins, bytes", |one| {
            one.memory_bytes_per_1000_logins.table_cell()
        }),
        ("sessions that a replica holds of them", |one| {
            match (&one.sessions_fewest, &one.sessions_most) {
                (Figure::Measured { median: fewest, .. }, most) => {
                    let most = most.median().unwrap_or(*fewest);
                    format!("{:.0} to {:.0}", fewest, most)
                }
                (absent, _) => absent.table_cell(),
            }
        }),
        ("bytes that each request carries", |one| one.carried_bytes.table_cell()),
        ("does another service accept the credential?", |one| {
            format!(
                "{}: {}",
                yes_or_no(one.other_service.accepts),
                one.other_service.reason
            )
        }),
        ("check of a signature there, ms", |one| {
            let once =
                one.other_service.signature_check_ms.ok_or("there is no signature");
            Figure::of(&[once]).table_cell()
        }),
    ];
    let row = |(title, cell): (&str, Cell)| {
        let cells = report.designs.iter().map(cell);
        std::iter::once(title.to_owned()).chain(cells).collect()
    };
    Table { header: header(&designs(report)), rows: rows.into_iter().map(row).collect() }
}

/// The published figures and the measured ones.
#[must_use]
pub fn of_published_figures(report: &Report) -> Table {
    let header = ["figure", "published", "measured", "agreement"];
    let row = |published_figure: &PublishedFigure| {
        let agreement = published_figure.agreement.as_str().to_owned();
        let (subject, published) =
            (published_figure.subject.to_owned(), published_figure.published.clone());
        vec![subject, published, published_figure.measured.clone(), agreement]
    };
    Table::new(&header, report.published_figures.iter().map(row).collect())
}

/// Every check with its outcome.
#[must_use]
pub fn of_checks(report: &Report) -> Table {
    let header = ["scenario", "design", "check", "expected", "measured", "outcome"];
    let row = |one: &crate::checks::Check| {
        let scenario = one.scenario.map_or("any", Scenario::as_str);
        let outcome = match one.inconclusive_reasons.join("; ") {
            none if none.is_empty() => one.outcome.as_str().to_owned(),
            doubts => format!("{}: {doubts}", one.outcome.as_str()),
        };
        vec![
            scenario.to_owned(),
            one.design.to_string(),
            one.title.clone(),
            one.expected.clone(),
            one.measured.clone(),
            outcome,
        ]
    };
    let rows = report.checks.iter().map(row).collect();
    Table::new(&header, rows)
}

/// CPU use of the client.
#[must_use]
pub fn of_cpu_use(report: &Report) -> Table {
    let header = [
        "scenario",
        "client, % of a core",
        "machine, % of all cores",
        "client late, p99, ms",
        "do latencies count?",
    ];
    let row = |load: &crate::report::CpuUseReport| {
        let machine = load.cpu_use.machine_percent;
        vec![
            load.scenario.to_string(),
            format!("{:.0}", load.cpu_use.client_percent),
            machine.map_or_else(|| "not reported".to_owned(), |one| format!("{one:.0}")),
            format!("{:.1}", load.client_late_p99_ms),
            yes_or_no(load.latency_is_valid).to_owned(),
        ]
    };
    let rows = report.cpu_use_reports.iter().map(row).collect();
    Table::new(&header, rows)
}

fn header(columns: &[Design]) -> Vec<String> {
    let names = columns.iter().map(ToString::to_string);
    std::iter::once(String::new()).chain(names).collect()
}

const fn yes_or_no(so: bool) -> &'static str {
    if so { "yes" } else { "no" }
}

/// Setup, time and machine of a run, a line each.
#[must_use]
pub fn run_info(report: &Report) -> Vec<(&'static str, String)> {
    let run_info = &report.run_info;
    vec![
        ("date", run_info.date.clone()),
        ("command", run_info.command.clone()),
        ("seed", run_info.seed.to_string()),
        ("profile", run_info.profile.to_owned()),
        ("machine", run_info.machine.description()),
        ("load before the run", run_info.machine.load_text()),
        ("services", run_info.services.join(", ")),
        (
            "users, pace",
            format!(
                "{} before each design, one request each {} ms",
                run_info.users, run_info.pace_ms
            ),
        ),
        ("target replica", run_info.target.clone()),
        ("repetitions", run_info.repeat.to_string()),
        ("seconds", format!("{:.0}", run_info.seconds)),
    ]
}
