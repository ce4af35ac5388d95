//! The files of a run: figures, page and plots.

use crate::page;
use crate::report::Report;
use report::saved;
use std::path::{Path, PathBuf};

/// Writes `benchmark-DATE.json` and `.md`, and the plots beside them; returns the paths of the
/// first two.
///
/// # Errors
/// When the folder cannot be written.
pub fn save(report: &Report, folder: &Path) -> anyhow::Result<[PathBuf; 2]> {
    let name = saved::dated_name("benchmark", &report.run_info.date);
    let plots = page::plots(report);
    saved::write(folder, plots.map(|(plot, svg)| (format!("{name}-{plot}.svg"), svg)))?;
    let json = serde_json::to_string_pretty(report)? + "\n";
    let markdown = page::markdown(report, &name);
    saved::write(
        folder,
        [(format!("{name}.json"), json), (format!("{name}.md"), markdown)],
    )
}
