//! A report as one self-contained page, without scripts, fonts or pictures from elsewhere.
//! It is well-formed XML, so any program can check it.

mod plot;

use crate::figure::format_number;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::svg;
use crate::tables::{self, FigureTable};
use crate::trial::FigureKind;
use api_contract::design::Design;
use outcome::Outcome;

const STYLE: &str = include_str!("page/style.css");

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut body = opening(report);
    body += &overview(report);
    for scenario in report.scenarios() {
        body += &section_of(report, scenario);
    }
    body += &section("In every scenario", &table(&tables::of_designs(report)));
    body += &section("Published and measured figures", &published_section(report));
    body +=
        &section("Checks of the expected outcome", &table(&tables::of_checks(report)));
    body += &section("Load of the client", &cpu_use_section(report));
    body += &footer(report);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n\
         <head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>Five designs, measured</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn opening(report: &Report) -> String {
    let holds = report.checks.iter().filter(|one| one.outcome == Outcome::Pass);
    let (holds, all) = (holds.count(), report.checks.len());
    let class = class_of(report.outcome);
    let mut text = format!(
        "<h1>Five designs, measured</h1>\n<p class=\"lead\">The same users before five \
         clusters of three replicas. The designs differ only in the place of \
         the session.</p>\n<p class=\"outcome {class}\">{holds} of {all} checks hold.</p>\n"
    );
    for doubt in report.invalid_latency_reasons() {
        text += &format!("<p class=\"doubt\">{}.</p>\n", svg::escaped(&doubt));
    }
    text
}

/// A summary table: logged-out users by scenario and design.
fn overview(report: &Report) -> String {
    let designs = tables::designs(report);
    let mut text = String::from(
        "<section>\n<h2>Logged-out users</h2>\n<table class=\"overview\">\n<thead><tr><th></th>",
    );
    for design in &designs {
        text += &format!("<th scope=\"col\">{design}</th>");
    }
    text += "</tr></thead>\n<tbody>\n";
    for scenario in report.scenarios() {
        let title = scenario.title();
        text +=
            &format!("<tr><th scope=\"row\"><a href=\"#{scenario}\">{title}</a></th>");
        for design in &designs {
            text += &overview_cell(report, *design, scenario);
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table>\n</section>\n"
}

fn overview_cell(report: &Report, design: Design, scenario: Scenario) -> String {
    let figure = |row| report.figure(design, scenario, row)?.median();
    let lost = figure(FigureKind::LoginsLost).unwrap_or(0.0);
    let failed = figure(FigureKind::Errors).unwrap_or(0.0);
    let users = report.run_info.users;
    let (class, headline) = match figure(FigureKind::UsersLoggedOut) {
        _ if design.loses_logins_without_faults() && lost > 0.0 => {
            ("bad", "all the time".to_owned())
        }
        Some(out) if out > 0.0 => ("bad", format!("{} of {users}", format_number(out))),
        _ if lost > 0.0 => ("bad", format!("{} logins", format_number(lost))),
        _ => ("good", "none".to_owned()),
    };
    let errors = match failed {
        0.0 => "no errors".to_owned(),
        1.0 => "1 error".to_owned(),
        failed => format!("{} errors", format_number(failed)),
    };
    format!("<td class=\"{class}\">{headline}<small>{errors}</small></td>")
}

fn section_of(report: &Report, scenario: Scenario) -> String {
    let fault = svg::escaped(&scenario.fault(&report.run_info.target));
    let figures = table(&tables::of_scenario(report, scenario));
    let plot = plot::of_scenario(report, scenario);
    format!(
        "<section id=\"{scenario}\">\n<h2>{}</h2>\n<p class=\"fault\">{fault}</p>\n\
         {plot}{figures}</section>\n",
        scenario.title()
    )
}

fn section(title: &str, content: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{content}</section>\n")
}

fn published_section(report: &Report) -> String {
    "<p>The claimed figures are quoted from the course's source material. A measured one \
     agrees if it lies within the claimed range; a smaller one differs, too. Where latencies \
     do not count, the result is open.</p>\n"
        .to_owned()
        + &table(&tables::of_published_figures(report))
}

fn cpu_use_section(report: &Report) -> String {
    "<p>All times count from the intended start of a request, even if its user was still \
     waiting for the previous one. Above 70 % of a core the client measures its own delay; \
     on a full machine other processes delay the servers.</p>\n"
        .to_owned()
        + &table(&tables::of_cpu_use(report))
}

fn table(figures: &FigureTable) -> String {
    let mut text = String::from("<div class=\"wide\"><table>\n<thead><tr>");
    for cell in &figures.header {
        text += &format!("<th scope=\"col\">{}</th>", svg::escaped(cell));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in &figures.rows {
        text += "<tr>";
        for (at, cell) in row.iter().enumerate() {
            text += &table_cell(at, cell);
        }
        text += "</tr>\n";
    }
    text + "</tbody>\n</table></div>\n"
}

/// Reasons are set smaller than figures.
fn table_cell(at: usize, cell: &str) -> String {
    let text = svg::escaped(cell);
    match (at, cell.strip_prefix("none: ")) {
        (0, _) => format!("<th scope=\"row\">{text}</th>"),
        (_, Some(why)) => {
            format!("<td class=\"none\">none<small>{}</small></td>", svg::escaped(why))
        }
        _ if cell.starts_with(char::is_numeric) => {
            format!("<td class=\"figure\">{text}</td>")
        }
        _ => format!("<td>{text}</td>"),
    }
}

fn footer(report: &Report) -> String {
    let mut text = String::from("<footer>\n<dl>\n");
    for (name, value) in tables::run_info(report) {
        let value = svg::escaped(&value);
        text += &format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n");
    }
    text + "</dl>\n</footer>\n"
}

const fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "good",
        Outcome::Inconclusive | Outcome::HarnessError => "open",
        Outcome::Fail => "bad",
    }
}
