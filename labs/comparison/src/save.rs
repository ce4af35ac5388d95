//! Stores a run as a dated JSON file and a Markdown file.

use crate::report::Report;
use crate::tables::{self, FigureTable};
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes `comparison-DATE.json` and `.md` into a folder, and returns their paths. A run of
/// the same second is overwritten.
pub fn save(report: &Report, folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let cannot = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    // 2026-11-21T10:00:00Z becomes 2026-11-21T100000Z: some systems forbid colons.
    let date = report.run_info.date.replace(':', "");
    let path = |ending: &str| folder.join(format!("comparison-{date}.{ending}"));
    let paths = [path("json"), path("md")];
    let json = serde_json::to_string_pretty(report)? + "\n";
    outcome::file::replace(&paths[0], json).with_context(cannot)?;
    outcome::file::replace(&paths[1], markdown(report)).with_context(cannot)?;
    Ok(paths)
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

fn section(title: &str, figures: &FigureTable) -> String {
    format!("\n## {title}\n\n{}", figures.markdown())
}
