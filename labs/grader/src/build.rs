//! Building a reader's program. Nothing of the reader's runs here but what the compiler
//! makes of their source: build scripts and manifests are not theirs.

mod environment;

use crate::cage::{Bars, End};
use crate::caged::{CageProgram, Caged, Inmate};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::output::Output;
use crate::scratch::{Scratch, Turn, foundation};
use anyhow::{Context, bail};
use environment::Network;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest that building what all exercises depend on may take, from nothing.
const FOUNDATION: Duration = Duration::from_mins(10);

/// The longest that a reader's build may take. It compiles one small program, which takes
/// seconds, minutes on a machine that grades many; the rest of a class waits for it.
const READERS: Duration = Duration::from_mins(2);

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
    /// It was not done in time, for which the source or the machine may be to blame.
    Slow(String),
}

/// Builds what the exercise depends on, by building its starter, unless that was done
/// before: it takes minutes, and nobody's program should have to wait for that.
pub(crate) async fn build_foundation(
    home: &Home,
    cage: &CageProgram,
    manifest: &Manifest,
    turn: &Turn,
) -> anyhow::Result<()> {
    let now = foundation(home, manifest)?;
    if fs::read_to_string(stamp(home, manifest)).is_ok_and(|stamp| stamp == now) {
        return Ok(());
    }
    let starter = Scratch::lay_out(home, manifest, Some(&home.exercises()), turn)?;
    let (end, caged) = cargo(home, cage, manifest, &starter, Network::Yes).await?;
    if end != End::Well {
        let (id, said) = (&manifest.id, caged.stderr.text());
        bail!("the starter of {id} could not be built ({end:?}): {}", said.trim());
    }
    let stamp = stamp(home, manifest);
    fs::write(&stamp, now).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Says that the foundation was built, and of what.
fn stamp(home: &Home, manifest: &Manifest) -> PathBuf {
    home.target().join(format!("{}.foundation", manifest.id))
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
    let (end, caged) = cargo(home, cage, manifest, scratch, Network::No).await?;
    let why_not = why_not(end, &caged.stderr.text(), &manifest.id);
    if !matches!(why_not, Ok(None | Some(Built::Refused(_)))) {
        // What it was built on may be gone, or older than the compiler.
        let _not_there = fs::remove_file(stamp(home, manifest));
    }
    if let Some(none) = why_not? {
        return Ok(none);
    }
    let messages = caged.stdout.text();
    let program = messages.lines().rev().find_map(program_in);
    let program = program.context("cargo built no program")?;
    let copy = to.join(&manifest.id);
    fs::copy(&program, &copy).with_context(|| format!("cannot copy {program}"))?;
    Ok(Built::Program(copy))
}

/// Whose fault it is that there is no program: an error is the lab's.
fn why_not(end: End, said: &str, id: &str) -> anyhow::Result<Option<Built>> {
    match end {
        End::Well => Ok(None),
        End::Badly if is_refused(said, id) => Ok(Some(Built::Refused(errors(said)))),
        End::Memory | End::Processes => {
            let why = format!("the compiler was stopped, it needed too much: {end:?}");
            Ok(Some(Built::Refused(why)))
        }
        End::Time => Ok(Some(Built::Slow(format!(
            "the program was not built within {} s, and all that it depends on was built \
             before. Either this machine is too busy, or what the source asks of the \
             compiler has no end: build it by hand",
            READERS.as_secs()
        )))),
        End::Badly | End::Told | End::NotStarted => {
            bail!("cargo could not build {id} ({end:?}): {}", said.trim())
        }
    }
}

/// Whether the compiler found an error in a file of this exercise. That it could not be
/// compiled is not enough: a linker can be missing, a disk full, a compiler killed.
fn is_refused(said: &str, id: &str) -> bool {
    let place = format!("--> {id}/");
    let (mut in_error, mut placed) = (false, false);
    for line in said.lines() {
        if line.starts_with("error") {
            in_error = true;
        } else if line.starts_with("warning") {
            in_error = false;
        }
        placed |= in_error && line.trim_start().starts_with(&place);
    }
    placed && said.contains(&format!("could not compile `{id}`"))
}

async fn cargo(
    home: &Home,
    cage: &CageProgram,
    manifest: &Manifest,
    scratch: &Scratch,
    network: Network,
) -> anyhow::Result<(End, Caged)> {
    let args = ["cargo", "build", "--package", &manifest.id, "--quiet"];
    let mut args: Vec<_> = args.map(Into::into).into();
    args.push("--message-format=json-render-diagnostics".into());
    args.push("--target-dir".into());
    args.push(home.target().into());
    let time = match network {
        Network::Yes => FOUNDATION,
        Network::No => {
            args.push("--offline".into());
            READERS
        }
    };
    let inmate = Inmate {
        args,
        folder: &scratch.folder,
        environment: environment::of_a_build(std::env::vars_os(), network),
        bars: Bars { processes: PROCESSES, memory: MEMORY, time },
        stderr: Output::with_beginning(),
    };
    let caged = Caged::start(cage, inmate)?;
    Ok((caged.end().await, caged))
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

#[cfg(test)]
mod tests;
