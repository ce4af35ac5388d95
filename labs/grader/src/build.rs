//! Builds a student's program. Only the compiler processes the student's source: build
//! scripts and manifests always come from the repository.

mod diagnostics;
mod environment;
mod includes;
mod sources;

use crate::assignment::Assignment;
use crate::build_folder::{BuildFolder, BuildLock, dependencies_hash};
use crate::manifest::Manifest;
use crate::output::{Output, without_middle};
use crate::paths::LabPaths;
use crate::sandbox::{ExitReason, Restrictions};
use crate::sandboxed::{ProcessSpec, SandboxedProcess};
use crate::untrusted_file::{self, SHORT};
use anyhow::{Context, bail};
use diagnostics::{CompilerMessages, crash_signal, shortened};
use environment::Network;
use process::{Program, RunDir};
use sources::Sources;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Maximum time to build the dependencies that all exercises share, from an empty target
/// folder.
const DEPENDENCIES_TIMEOUT: Duration = Duration::from_mins(10);

/// Maximum time to build a student's program. It is one small crate: seconds, or minutes
/// on a machine that grades many submissions. The rest of a class waits for it.
const BUILD_TIMEOUT: Duration = Duration::from_mins(2);

/// Memory of the compiler and the linker, in bytes.
const MAX_MEMORY_BYTES: u64 = 6 << 30;

const MAX_PROCESSES: u64 = 256;

/// Size of the head of cargo's shortened messages that is kept, in bytes. The first errors
/// matter.
const MESSAGES_BYTES: usize = 4 << 20;

/// Size of the head of cargo's own output that is kept, in bytes.
const OUTPUT_BYTES: usize = 16 << 10;

/// The result of a build.
#[derive(Debug)]
pub(crate) enum Built {
    /// Path of the program: a copy in the run folder.
    Program(PathBuf),
    /// The compiler's errors.
    CompileError(String),
    /// The source reads something outside of the exercise, with the reason.
    Foreign(String),
    /// Editable files are missing, each with the reason. Nothing was built.
    Unusable(Vec<String>),
    /// The build timed out. Either the source or the machine is the cause, so the outcome
    /// is inconclusive.
    TimedOut(String),
}

/// Builds the programs of one assignment.
pub(crate) struct Builder<'a> {
    paths: &'a LabPaths,
    sandbox: &'a Program,
    manifest: &'a Manifest,
    /// Where the program is copied to.
    program_folder: PathBuf,
    /// The compiler's temporary files.
    temporary: PathBuf,
}

/// A finished run of cargo.
struct Cargo {
    end: ExitReason,
    messages: CompilerMessages,
    /// Cargo's own output.
    output: String,
    began: SystemTime,
}

impl Cargo {
    /// Everything that was printed about errors.
    fn explained(&self) -> String {
        format!("{}{}", self.messages.all_errors(), self.output).trim().to_owned()
    }
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        assignment: &'a Assignment,
        run_dir: &RunDir,
    ) -> anyhow::Result<Self> {
        let Assignment { paths, sandbox, manifest, .. } = assignment;
        let program_folder = run_dir.folder("program")?;
        let temporary = run_dir.folder("build")?;
        Ok(Self { paths, sandbox, manifest, program_folder, temporary })
    }

    /// Builds the exercise's dependencies by building its starter, unless that was done
    /// before. It takes minutes, and a student's build must not wait for it.
    pub(crate) async fn build_dependencies(
        &self,
        build_lock: &BuildLock,
    ) -> anyhow::Result<()> {
        let Self { paths, manifest, .. } = self;
        let (now, stamp) = (dependencies_hash(paths, manifest), self.stamp());
        let built = untrusted_file::read(&stamp, SHORT);
        if built.is_ok_and(|built| built == now.as_bytes()) {
            return Ok(());
        }
        let exercises = paths.exercises();
        let starter =
            BuildFolder::prepare(paths, manifest, Some(&exercises), build_lock)?;
        let cargo = self.cargo(&starter, Network::Allowed).await?;
        if cargo.end != ExitReason::Success {
            let (id, end, explained) = (&manifest.id, cargo.end, cargo.explained());
            bail!("the starter of {id} could not be built ({end:?}): {explained}");
        }
        untrusted_file::write(&stamp, now.as_bytes())
            .with_context(|| format!("cannot write {}", stamp.display()))
    }

    /// The stamp file. It stores the hash of the dependencies that were built.
    fn stamp(&self) -> PathBuf {
        self.paths.target().join(format!("{}.dependencies", self.manifest.id))
    }

    /// Builds the prepared folder and copies the program into the run folder.
    pub(crate) async fn build(
        &self,
        build_folder: &BuildFolder,
    ) -> anyhow::Result<Built> {
        let cargo = self.cargo(build_folder, Network::Denied).await?;
        let sources = Sources::new(&build_folder.folder, &self.manifest.id);
        let failure = self.failure(&cargo, &sources);
        if !matches!(failure, Ok(None | Some(Built::CompileError(_) | Built::Foreign(_))))
        {
            // The built dependencies may be missing or older than the compiler.
            let _not_there = fs::remove_file(self.stamp());
        }
        if let Some(failure) = failure? {
            return Ok(failure);
        }
        let program = cargo.messages.program().context("cargo built no program")?;
        if let Some(why) = sources.foreign_of_program(&program) {
            return Ok(Built::Foreign(why));
        }
        let copy = self.program_folder.join(&self.manifest.id);
        untrusted_file::copy(&program, &copy)
            .with_context(|| format!("cannot copy {}", program.display()))?;
        Ok(Built::Program(copy))
    }

    /// Classifies a failed build. `Err` is a harness error; `Ok(None)` means that the build
    /// succeeded.
    fn failure(&self, cargo: &Cargo, sources: &Sources) -> anyhow::Result<Option<Built>> {
        let (id, end) = (&self.manifest.id, cargo.end);
        let crash = crash_signal(&cargo.output, id);
        let why = match (end, crash) {
            (ExitReason::Success, _) => return Ok(None),
            (ExitReason::MemoryLimit | ExitReason::ProcessLimit, _) => {
                format!("the compiler exceeded a limit and was stopped: {end:?}")
            }
            (ExitReason::TimeLimit, _) => return Ok(Some(Built::TimedOut(timed_out()))),
            (ExitReason::Failure, _) if cargo.messages.is_compile_error() => {
                let foreign = sources.foreign_of_failure(&cargo.messages, cargo.began);
                if let Some(why) = foreign {
                    return Ok(Some(Built::Foreign(why)));
                }
                without_middle(&cargo.messages.own_errors())
            }
            (ExitReason::Failure, Some(signal)) => {
                format!(
                    "the compiler crashed ({signal}): is an expression nested too deep?"
                )
            }
            (ExitReason::Failure | ExitReason::Requested | ExitReason::NotStarted, _) => {
                let explained = without_middle(&cargo.explained());
                bail!("cargo could not build {id} ({end:?}): {explained}")
            }
        };
        Ok(Some(Built::CompileError(why)))
    }

    async fn cargo(
        &self,
        build_folder: &BuildFolder,
        network: Network,
    ) -> anyhow::Result<Cargo> {
        let args = ["cargo", "build", "--package", &self.manifest.id, "--quiet"];
        let mut args: Vec<_> = args.map(Into::into).into();
        args.push("--message-format=json".into());
        args.push("--target-dir".into());
        args.push(self.paths.target().into());
        let time = match network {
            Network::Allowed => DEPENDENCIES_TIMEOUT,
            Network::Denied => {
                args.push("--offline".into());
                BUILD_TIMEOUT
            }
        };
        let variables = std::env::vars_os().filter(|(name, _)| name != "TMPDIR");
        let mut environment = environment::build_environment(variables, network);
        environment.push(("TMPDIR".to_owned(), self.temporary.clone().into()));
        let process_spec = ProcessSpec {
            args,
            folder: &build_folder.folder,
            environment,
            restrictions: Restrictions {
                processes: MAX_PROCESSES,
                memory: MAX_MEMORY_BYTES,
                time,
            },
            stdout: Output::with_short_lines(MESSAGES_BYTES, shortened),
            stderr: Output::with_head(OUTPUT_BYTES),
        };
        let began = SystemTime::now();
        let process = SandboxedProcess::start(self.sandbox, process_spec)?;
        let end = process.end().await;
        let (messages, output) = (process.stdout.text(), process.stderr.text());
        let messages = CompilerMessages::parse(&messages, &self.manifest.id);
        Ok(Cargo { end, messages, output, began })
    }
}

fn timed_out() -> String {
    format!(
        "the program was not built within {} s, although its dependencies were built \
         before. Either this machine is too busy, or compiling the source never ends: build \
         it by hand",
        BUILD_TIMEOUT.as_secs()
    )
}
