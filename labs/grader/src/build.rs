//! Building a reader's program. Nothing of the reader's runs here but what the compiler
//! makes of their source: build scripts and manifests are not theirs.

use crate::cage::{Bars, End};
use crate::caged::{CageProgram, Caged, Inmate};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::scratch::Scratch;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest that a build may take. The first one builds what all exercises depend on.
const TIME: Duration = Duration::from_secs(600);

/// A compiler and a linker need much.
const MEMORY: u64 = 6 << 30;

const PROCESSES: u64 = 256;

/// The program, or why there is none.
#[derive(Debug)]
pub(crate) enum Built {
    /// Where it is: a copy, in the folder that was asked for.
    Program(PathBuf),
    /// What the compiler said.
    Refused(String),
}

/// Builds what is laid out and copies the program into `to`.
pub(crate) async fn build(
    home: &Home,
    cage: &CageProgram,
    manifest: &Manifest,
    scratch: &Scratch,
    to: &Path,
) -> anyhow::Result<Built> {
    if !scratch.missing.is_empty() {
        let missing = scratch.missing.join(", ");
        return Ok(Built::Refused(format!("not there: {missing}")));
    }
    let caged = Caged::start(cage, inmate(home, manifest, scratch))?;
    let end = caged.end().await;
    let messages = caged.stdout.text();
    match end {
        End::Well => {}
        End::Badly => {
            let said = caged.stderr.text();
            if said.contains("could not compile") {
                return Ok(Built::Refused(errors(&said)));
            }
            bail!("cargo could not build {}: {}", manifest.id, said.trim());
        }
        end => return Ok(Built::Refused(format!("the build was stopped: {end:?}"))),
    }
    let program = messages.lines().rev().find_map(program_in);
    let program = program.context("cargo built no program")?;
    let copy = to.join(&manifest.id);
    fs::copy(&program, &copy).with_context(|| format!("cannot copy {program}"))?;
    Ok(Built::Program(copy))
}

fn inmate<'a>(home: &Home, manifest: &Manifest, scratch: &'a Scratch) -> Inmate<'a> {
    let mut args: Vec<_> =
        ["cargo", "build", "--package", &manifest.id].map(Into::into).into();
    args.push("--message-format=json-render-diagnostics".into());
    args.push("--quiet".into());
    args.push("--target-dir".into());
    args.push(home.target().into());
    Inmate {
        args,
        folder: &scratch.folder,
        environment: vec![("CARGO_TERM_COLOR".to_owned(), "never".to_owned())],
        sees_ours: true,
        bars: Bars { processes: PROCESSES, memory: MEMORY, time: TIME },
    }
}

/// The program that one of cargo's messages is about.
fn program_in(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    message.get("executable")?.as_str().map(str::to_owned)
}

/// Warnings left out: the first error is what matters.
fn errors(said: &str) -> String {
    let mut blocks: Vec<&str> = said.split("\n\n").collect();
    blocks.retain(|block| !block.trim_start().starts_with("warning"));
    blocks.join("\n\n").trim().to_owned()
}
