//! A report as one self-contained page, without scripts, fonts or pictures from elsewhere.
//! Every element that is not empty by definition is closed, so any program can check it.

mod plot;

use crate::report::Report;
use crate::scenario::Scenario;
use crate::tables;
use crate::trial::FigureKind;
use api_contract::design::Design;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use outcome::Outcome;
use report::figure::format_number;

const STYLE: &str = include_str!("page/style.css");

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Five designs, measured" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body(report)) } }
        }
    };
    page.into_string()
}

fn body(report: &Report) -> Markup {
    html! {
        (opening(report))
        (overview(report))
        @for scenario in report.scenarios() { (scenario_section(report, scenario)) }
        section { h2 { "In every scenario" } (tables::of_designs(report).html()) }
        (published_section(report))
        section {
            h2 { "Checks of the expected outcome" }
            (tables::of_checks(report).html())
        }
        (cpu_use_section(report))
        (footer(report))
    }
}

fn opening(report: &Report) -> Markup {
    let holds = report.checks.iter().filter(|one| one.outcome == Outcome::Pass);
    let (holds, all) = (holds.count(), report.checks.len());
    html! {
        h1 { "Five designs, measured" }
        p class="lead" {
            "The same users before five clusters of three replicas. The designs differ only \
             in the place of the session."
        }
        p class={ "outcome " (class_of(report.outcome)) } {
            (holds) " of " (all) " checks hold."
        }
        @for doubt in report.invalid_latency_reasons() { p class="doubt" { (doubt) "." } }
    }
}

/// A summary table: logged-out users by scenario and design.
fn overview(report: &Report) -> Markup {
    let designs = tables::designs(report);
    html! {
        section {
            h2 { "Logged-out users" }
            div class="wide" {
                table class="overview" {
                    thead {
                        tr { th {} @for design in &designs { th scope="col" { (design) } } }
                    }
                    tbody {
                        @for scenario in report.scenarios() {
                            (overview_row(report, &designs, scenario))
                        }
                    }
                }
            }
        }
    }
}

fn overview_row(report: &Report, designs: &[Design], scenario: Scenario) -> Markup {
    html! {
        tr {
            th scope="row" { a href={ "#" (scenario) } { (scenario.title()) } }
            @for design in designs { (overview_cell(report, *design, scenario)) }
        }
    }
}

fn overview_cell(report: &Report, design: Design, scenario: Scenario) -> Markup {
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
    html! { td class=(class) { (headline) small { (errors) } } }
}

fn scenario_section(report: &Report, scenario: Scenario) -> Markup {
    html! {
        section id=(scenario) {
            h2 { (scenario.title()) }
            p class="fault" { (scenario.fault(&report.run_info.target)) }
            (plot::figure(report, scenario))
            (tables::of_scenario(report, scenario).html())
        }
    }
}

fn published_section(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Published and measured figures" }
            p {
                "The claimed figures are quoted from the course's source material. A measured \
                 one agrees if it lies within the claimed range; a smaller one differs, too. \
                 Where latencies do not count, the result is open."
            }
            (tables::of_published_figures(report).html())
        }
    }
}

fn cpu_use_section(report: &Report) -> Markup {
    html! {
        section {
            h2 { "Load of the client" }
            p {
                "All times count from the intended start of a request, even if its user was \
                 still waiting for the previous one. Above 70 % of a core the client measures \
                 its own delay; on a full machine other processes delay the servers."
            }
            (tables::of_cpu_use(report).html())
        }
    }
}

fn footer(report: &Report) -> Markup {
    html! {
        footer {
            dl {
                @for (name, value) in tables::run_info(report) {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

const fn class_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "good",
        Outcome::Inconclusive | Outcome::HarnessError => "open",
        Outcome::Fail => "bad",
    }
}
