//! Builds a student's program. Only the compiler processes the student's source: build
//! scripts and manifests always come from the repository.

mod environment;

use crate::build_folder::{BuildFolder, BuildLock, dependencies_hash};
use crate::manifest::Manifest;
use crate::output::Output;
use crate::paths::LabPaths;
use crate::sandbox::{ExitReason, Restrictions};
use crate::sandboxed::{ProcessSpec, SandboxProgram, SandboxedProcess};
use anyhow::{Context, bail};
use environment::Network;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Maximum time to build the dependencies that all exercises share, from an empty target
/// folder.
const DEPENDENCIES_TIMEOUT: Duration = Duration::from_mins(10);

/// Maximum time to build a student's program. It is one small crate: seconds, or minutes
/// on a machine that grades many submissions. The rest of a class waits for it.
const BUILD_TIMEOUT: Duration = Duration::from_mins(2);

/// Memory of the compiler and the linker, in bytes.
const MAX_MEMORY_BYTES: u64 = 6 << 30;

const MAX_PROCESSES: u64 = 256;

/// The result of a build.
#[derive(Debug)]
pub(crate) enum Built {
    /// Path of the program: a copy in the requested folder.
    Program(PathBuf),
    /// The compiler's errors.
    CompileError(String),
    /// The build timed out. Either the source or the machine is the cause, so the outcome
    /// is inconclusive.
    TimedOut(String),
}

/// Builds the exercise's dependencies by building its starter, unless that was done
/// before. It takes minutes, and a student's build must not wait for it.
pub(crate) async fn build_dependencies(
    paths: &LabPaths,
    sandbox: &SandboxProgram,
    manifest: &Manifest,
    build_lock: &BuildLock,
) -> anyhow::Result<()> {
    let now = dependencies_hash(paths, manifest)?;
    if fs::read_to_string(stamp(paths, manifest)).is_ok_and(|stamp| stamp == now) {
        return Ok(());
    }
    let starter =
        BuildFolder::prepare(paths, manifest, Some(&paths.exercises()), build_lock)?;
    let (end, process) =
        cargo(paths, sandbox, manifest, &starter, Network::Allowed).await?;
    if end != ExitReason::Success {
        let (id, output) = (&manifest.id, process.stderr.text());
        bail!("the starter of {id} could not be built ({end:?}): {}", output.trim());
    }
    let stamp = stamp(paths, manifest);
    fs::write(&stamp, now).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The stamp file. It stores the hash of the dependencies that were built.
fn stamp(paths: &LabPaths, manifest: &Manifest) -> PathBuf {
    paths.target().join(format!("{}.dependencies", manifest.id))
}

/// Builds the prepared folder and copies the program into `to`.
pub(crate) async fn build(
    paths: &LabPaths,
    sandbox: &SandboxProgram,
    manifest: &Manifest,
    build_folder: &BuildFolder,
    to: &Path,
) -> anyhow::Result<Built> {
    if !build_folder.missing.is_empty() {
        let missing = build_folder.missing.join(", ");
        return Ok(Built::CompileError(format!("not there: {missing}")));
    }
    let (end, process) =
        cargo(paths, sandbox, manifest, build_folder, Network::Denied).await?;
    let build_failure = build_failure(end, &process.stderr.text(), &manifest.id);
    if !matches!(build_failure, Ok(None | Some(Built::CompileError(_)))) {
        // The built dependencies may be missing or older than the compiler.
        let _not_there = fs::remove_file(stamp(paths, manifest));
    }
    if let Some(none) = build_failure? {
        return Ok(none);
    }
    let messages = process.stdout.text();
    let program = messages.lines().rev().find_map(program_in);
    let program = program.context("cargo built no program")?;
    let copy = to.join(&manifest.id);
    fs::copy(&program, &copy).with_context(|| format!("cannot copy {program}"))?;
    Ok(Built::Program(copy))
}

/// Classifies a failed build. `Err` is a harness error; `Ok(None)` means that the build
/// succeeded.
fn build_failure(
    end: ExitReason,
    output: &str,
    id: &str,
) -> anyhow::Result<Option<Built>> {
    match end {
        ExitReason::Success => Ok(None),
        ExitReason::Failure if is_compile_error(output, id) => {
            Ok(Some(Built::CompileError(errors(output))))
        }
        ExitReason::MemoryLimit | ExitReason::ProcessLimit => {
            let why = format!("the compiler exceeded a limit and was stopped: {end:?}");
            Ok(Some(Built::CompileError(why)))
        }
        ExitReason::TimeLimit => Ok(Some(Built::TimedOut(format!(
            "the program was not built within {} s, although its dependencies were built \
             before. Either this machine is too busy, or compiling the source never \
             ends: build it by hand",
            BUILD_TIMEOUT.as_secs()
        )))),
        ExitReason::Failure | ExitReason::Requested | ExitReason::NotStarted => {
            bail!("cargo could not build {id} ({end:?}): {}", output.trim())
        }
    }
}

/// Whether the compiler reported an error in a file of this exercise. "Could not compile"
/// alone is not enough: a linker may be missing, a disk full, a compiler killed.
fn is_compile_error(output: &str, id: &str) -> bool {
    let location = format!("--> {id}/");
    let (mut in_error, mut located) = (false, false);
    for line in output.lines() {
        if line.starts_with("error") {
            in_error = true;
        } else if line.starts_with("warning") {
            in_error = false;
        }
        located |= in_error && line.trim_start().starts_with(&location);
    }
    located && output.contains(&format!("could not compile `{id}`"))
}

async fn cargo(
    paths: &LabPaths,
    sandbox: &SandboxProgram,
    manifest: &Manifest,
    build_folder: &BuildFolder,
    network: Network,
) -> anyhow::Result<(ExitReason, SandboxedProcess)> {
    let args = ["cargo", "build", "--package", &manifest.id, "--quiet"];
    let mut args: Vec<_> = args.map(Into::into).into();
    args.push("--message-format=json-render-diagnostics".into());
    args.push("--target-dir".into());
    args.push(paths.target().into());
    let time = match network {
        Network::Allowed => DEPENDENCIES_TIMEOUT,
        Network::Denied => {
            args.push("--offline".into());
            BUILD_TIMEOUT
        }
    };
    let process_spec = ProcessSpec {
        args,
        folder: &build_folder.folder,
        environment: environment::build_environment(std::env::vars_os(), network),
        restrictions: Restrictions {
            processes: MAX_PROCESSES,
            memory: MAX_MEMORY_BYTES,
            time,
        },
        stderr: Output::with_beginning(),
    };
    let process = SandboxedProcess::start(sandbox, process_spec)?;
    Ok((process.end().await, process))
}

/// The path of the executable in one of cargo's JSON messages.
fn program_in(line: &str) -> Option<String> {
    let message: Value = serde_json::from_str(line).ok()?;
    message.get("executable")?.as_str().map(str::to_owned)
}

/// The compiler's output without warnings.
fn errors(output: &str) -> String {
    let mut blocks: Vec<&str> = output.split("\n\n").collect();
    blocks.retain(|block| !block.trim_start().starts_with("warning"));
    blocks.join("\n\n").trim().to_owned()
}

#[cfg(test)]
mod tests;
