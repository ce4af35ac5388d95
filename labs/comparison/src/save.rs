//! Stores a run as a dated JSON file and a Markdown file.

use crate::report::Report;
use crate::tables;
use report::saved;
use report::table::Table;
use std::path::{Path, PathBuf};

/// Writes `comparison-DATE.json` and `.md` into a folder, and returns their paths. A run of
/// the same second is overwritten.
pub fn save(report: &Report, folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let name = saved::dated_name("comparison", &report.run_info.date);
    let json = serde_json::to_string_pretty(report)? + "\n";
    let files =
        [(format!("{name}.json"), json), (format!("{name}.md"), markdown(report))];
    saved::write(folder, files)
}

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Five designs, measured\n\n");
    for (name, value) in tables::run_info(report) {
        text += &format!("- {name}: {value}\n");
    }
    let outcome = report.outcome.as_str();
    let all = report.checks.len();
    text += &format!("\nOutcome of all {all} checks: {outcome}.\n");
    for doubt in report.invalid_latency_reasons() {
        text += &format!("\nDoubt: {doubt}.\n");
    }
    for scenario in report.scenarios() {
        text += &section(scenario.title(), &tables::of_scenario(report, scenario));
    }
    text += &section("In every scenario", &tables::of_designs(report));
    text +=
        &section("Published and measured figures", &tables::of_published_figures(report));
    text += &section("Checks", &tables::of_checks(report));
    text += &section("Load of the client", &tables::of_cpu_use(report));
    text
}

fn section(title: &str, figures: &Table) -> String {
    format!("\n## {title}\n\n{}", figures.markdown())
}
