//! The tables of a report, the same in a terminal, in Markdown and on the page.

use crate::figure::Figure;
use crate::report::{DesignReport, Report};
use crate::scenario::Scenario;
use crate::trial::Row;
use api_contract::design::Design;

/// A header, and rows with as many cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Names of the columns; the first is empty if rows have names.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = vec!["---".to_owned(); self.header.len()];
        let rows = self.rows.iter().map(|row| line(row));
        [line(&self.header), line(&rule)].into_iter().chain(rows).collect()
    }
}

/// The designs of a report, in the order of the columns.
#[must_use]
pub fn designs(report: &Report) -> Vec<Design> {
    report.designs.iter().map(|one| one.design).collect()
}

/// The table of one scenario: a row for each figure, a column for each design.
#[must_use]
pub fn of_scenario(report: &Report, scenario: Scenario) -> Rows {
    let columns = designs(report);
    let cell = |design: &Design, row| {
        let figure = report.figure(*design, scenario, row);
        figure.map_or_else(String::new, Figure::cell)
    };
    let row = |row: Row| {
        let cells = columns.iter().map(|design| cell(design, row));
        std::iter::once(row.title().to_owned()).chain(cells).collect()
    };
    Rows { header: header(&columns), rows: Row::of(scenario).map(row).collect() }
}

/// The figures that do not depend on the scenario, in the same layout.
#[must_use]
pub fn of_designs(report: &Report) -> Rows {
    type Cell = fn(&DesignReport) -> String;
    let rows: [(&str, Cell); 5] = [
        ("own memory of a replica per 1,000 logins, bytes", |one| {
            one.memory_bytes_per_1000_logins.cell()
        }),
        ("sessions that a replica holds of them", |one| {
            match (&one.sessions_fewest, &one.sessions_most) {
                (Figure::Measured { median: fewest, .. }, most) => {
                    let most = most.median().unwrap_or(*fewest);
                    format!("{:.0} to {:.0}", fewest, most)
                }
                (absent, _) => absent.cell(),
            }
        }),
        ("bytes that each request carries", |one| one.carried_bytes.cell()),
        ("does another service accept the credential?", |one| {
            format!("{}: {}", yes_or_no(one.elsewhere.accepts), one.elsewhere.why)
        }),
        ("check of a signature there, ms", |one| {
            let once = one.elsewhere.check_ms.ok_or("there is no signature");
            Figure::of(&[once]).cell()
        }),
    ];
    let row = |(title, cell): (&str, Cell)| {
        let cells = report.designs.iter().map(cell);
        std::iter::once(title.to_owned()).chain(cells).collect()
    };
    Rows { header: header(&designs(report)), rows: rows.into_iter().map(row).collect() }
}

/// The published figures and the measured ones.
#[must_use]
pub fn of_claims(report: &Report) -> Rows {
    let header = ["figure", "published", "measured", "agreement"].map(str::to_owned);
    let row = |claim: &crate::claimed::Claim| {
        let finding = claim.finding.as_str().to_owned();
        let (about, claimed) = (claim.about.to_owned(), claim.claimed.clone());
        vec![about, claimed, claim.measured.clone(), finding]
    };
    Rows { header: header.to_vec(), rows: report.claims.iter().map(row).collect() }
}

/// Every statement with its outcome.
#[must_use]
pub fn of_statements(report: &Report) -> Rows {
    let header = ["scenario", "design", "check", "expected", "measured", "outcome"];
    let row = |one: &crate::statements::Statement| {
        let scenario = one.scenario.map_or("any", Scenario::as_str);
        let outcome = match one.doubts.join("; ") {
            none if none.is_empty() => one.outcome.as_str().to_owned(),
            doubts => format!("{}: {doubts}", one.outcome.as_str()),
        };
        vec![
            scenario.to_owned(),
            one.design.to_string(),
            one.says.clone(),
            one.expected.clone(),
            one.measured.clone(),
            outcome,
        ]
    };
    let rows = report.statements.iter().map(row).collect();
    Rows { header: header.map(str::to_owned).to_vec(), rows }
}

/// CPU use of the client.
#[must_use]
pub fn of_loads(report: &Report) -> Rows {
    let header = [
        "scenario",
        "client, % of a core",
        "machine, % of all cores",
        "client late, p99, ms",
        "do latencies count?",
    ];
    let row = |load: &crate::report::LoadReport| {
        let machine = load.busy.machine_percent;
        vec![
            load.scenario.to_string(),
            format!("{:.0}", load.busy.client_percent),
            machine.map_or_else(|| "not reported".to_owned(), |one| format!("{one:.0}")),
            format!("{:.1}", load.client_late_p99_ms),
            yes_or_no(load.latency_is_valid).to_owned(),
        ]
    };
    let rows = report.loads.iter().map(row).collect();
    Rows { header: header.map(str::to_owned).to_vec(), rows }
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
pub fn made(report: &Report) -> Vec<(&'static str, String)> {
    let made = &report.made;
    let machine = &made.machine;
    let gigabytes = machine.memory_bytes.map(|bytes| bytes >> 30);
    let memory = gigabytes.map_or_else(String::new, |gib| format!(", {gib} GiB"));
    let load = machine.load_before;
    vec![
        ("date", made.date.clone()),
        ("command", made.command.clone()),
        ("seed", made.seed.to_string()),
        ("profile", made.profile.to_owned()),
        (
            "machine",
            format!(
                "{}, {} cores{memory}, {}",
                machine.processor, machine.cores, machine.system
            ),
        ),
        (
            "load before the run",
            load.map_or_else(|| "not reported".to_owned(), |load| format!("{load:.1}")),
        ),
        ("services", made.services.join(", ")),
        (
            "users, pace",
            format!(
                "{} before each design, one request each {} ms",
                made.users, made.pace_ms
            ),
        ),
        ("target replica", made.target.clone()),
        ("repetitions", made.repeat.to_string()),
        ("seconds", format!("{:.0}", made.seconds)),
    ]
}
