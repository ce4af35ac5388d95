//! `lab dev layout`: warnings about long files.

use crate::screen::print_line;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file beyond which it is hard to read.
const MAX_SOURCE_LINES: usize = 400;

/// Lines of a script beyond which its logic belongs into a program with tests.
const MAX_SCRIPT_LINES: usize = 60;

/// Warn about long files
///
/// A long file is no failure: a file that is long for a good reason stays.
#[derive(clap::Args, Debug)]
pub(super) struct LayoutArgs {
    /// The top of the repository
    #[arg(default_value = ".", value_name = "DIR")]
    top: PathBuf,
}

pub(super) fn run(args: &LayoutArgs) -> anyhow::Result<bool> {
    let mut files = Vec::new();
    find(&args.top, &mut files)?;
    for (path, limit) in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let lines = text.lines().count();
        if lines > limit {
            print_line(format_args!(
                "warning: {} has {lines} lines, more than {limit}",
                path.display()
            ));
        }
    }
    Ok(true)
}

/// The sources and scripts below a folder, with the lines that each may have.
fn find(folder: &Path, found: &mut Vec<(PathBuf, usize)>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder);
    let entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.sort_unstable();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && name != ".ci";
        if hidden || name == "target" || path.ends_with("labs/work") {
            continue;
        }
        if path.is_dir() {
            find(&path, found)?;
        } else if let Some(limit) = limit(&path) {
            found.push((path, limit));
        }
    }
    Ok(())
}

fn limit(path: &Path) -> Option<usize> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("rs") => Some(MAX_SOURCE_LINES),
        None | Some("sh") => {
            let text = fs::read(path).ok()?;
            text.starts_with(b"#!").then_some(MAX_SCRIPT_LINES)
        }
        Some(_) => None,
    }
}
