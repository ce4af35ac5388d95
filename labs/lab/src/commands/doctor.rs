//! `lab doctor`: what this machine offers, and what to do about what it does not.

use crate::screen::{say, table};
use clap::Args;
use nix::sys::resource::{Resource, getrlimit};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Show what this machine offers, and which commands will work on it
///
/// Nothing is installed or changed. "missing" is only a problem where the last column
/// says so.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    found: Option<String>,
    needed_for: &'static str,
    advice: &'static str,
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let findings =
        [machine(), tools(), services()].into_iter().flatten().collect::<Vec<_>>();
    if args.json {
        say(serde_json::to_string_pretty(&findings)?);
        return Ok(());
    }
    let row = |finding: &Finding| {
        let advice = match finding.found {
            Some(_) => "",
            None => finding.advice,
        };
        let found = finding.found.clone().unwrap_or_else(|| "missing".to_owned());
        vec![
            finding.what.to_owned(),
            found,
            finding.needed_for.to_owned(),
            advice.to_owned(),
        ]
    };
    let rows = findings.iter().map(row).collect();
    say(table(&["what", "found", "needed for", "what to do"], rows));
    Ok(())
}

fn machine() -> Vec<Finding> {
    let cores = std::thread::available_parallelism().ok().map(|n| n.to_string());
    let files = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft);
    let temp = std::env::temp_dir();
    vec![
        Finding {
            what: "cores",
            found: cores,
            needed_for: "everything",
            advice: "two or more make the demo quicker",
        },
        Finding {
            what: "open files",
            found: files.filter(|limit| *limit >= 1024).map(|limit| limit.to_string()),
            needed_for: "everything",
            advice: "raise the limit: ulimit -n 4096",
        },
        Finding {
            what: "temporary folder",
            found: is_writable(&temp).then(|| temp.display().to_string()),
            needed_for: "demo, up",
            advice: "set TMPDIR to a folder you may write",
        },
    ]
}

fn tools() -> Vec<Finding> {
    vec![
        Finding {
            what: "curl",
            found: version("curl", "--version"),
            needed_for: "trying calls by hand",
            advice: "install your system's package curl",
        },
        Finding {
            what: "C compiler",
            found: version("cc", "--version"),
            needed_for: "building",
            advice: "install your system's gcc or clang",
        },
    ]
}

fn services() -> Vec<Finding> {
    let postgres = postgres_binaries().map(|dir| dir.display().to_string());
    vec![
        Finding {
            what: "redis-server",
            found: version("redis-server", "--version"),
            needed_for: "nothing yet; Phase 2 will use it",
            advice: "none",
        },
        Finding {
            what: "postgres",
            found: postgres,
            needed_for: "nothing yet; Phase 2 will use it",
            advice: "none",
        },
        Finding {
            what: "Docker engine",
            found: docker(),
            needed_for: "nothing yet; Phase 2 will use it",
            advice: "none",
        },
    ]
}

fn is_writable(dir: &Path) -> bool {
    let probe = dir.join(format!("lab-doctor-{}", std::process::id()));
    std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok()
}

/// The first line that a program prints of itself.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| first_words(&text))
}

fn docker() -> Option<String> {
    let asked = ["version", "--format", "{{.Server.Version}}"];
    let output = Command::new("docker").args(asked).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| first_words(&text))
}

fn first_words(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words = line.split_whitespace().take_while(|word| !word.starts_with('('));
    words.take(3).collect::<Vec<_>>().join(" ")
}

/// Debian keeps them out of the search path, one folder a version.
fn postgres_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let mut found: Vec<_> = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop()
}
