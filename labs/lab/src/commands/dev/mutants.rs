//! `lab dev mutants`: puts known faults back, one at a time, and expects their tests to fail.

use super::steps::{Step, output, workspace};
use crate::screen::print_line;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the mutants: `SUITE/NAME/{mutant.patch,mutant.toml}`.
const MUTANTS: &str = "labs/mutants";

/// The exit code of `cargo test` when a test fails. A failed build has it as well, so the
/// tests are built in a step of their own.
const TESTS_FAILED: i32 = 101;

/// Put each kept fault back and expect its tests to fail
///
/// A mutant is a patch that puts a fault back. It is applied to a copy of the last commit,
/// in target/mutants, with a build folder of its own: the first build takes as long as that
/// of the workspace. A mutant that passes its tests survives, and the command fails.
#[derive(clap::Args, Debug)]
pub(super) struct MutantsArgs {
    /// The mutants to test, by suite or SUITE/NAME; all by default
    #[arg(value_name = "MUTANT")]
    mutants: Vec<String>,

    /// Only print the mutants
    #[arg(long)]
    list: bool,
}

/// The file `mutant.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The fault, in one sentence.
    breaks: String,
    /// The arguments of `cargo test --workspace` that select the tests, the filter last.
    test: Vec<String>,
}

#[derive(Debug)]
struct Mutant {
    /// `SUITE/NAME`.
    id: String,
    patch: PathBuf,
    description: Description,
}

pub(super) fn run(args: &MutantsArgs) -> anyhow::Result<bool> {
    let mutants = selected(all(&std::env::current_dir()?)?, &args.mutants)?;
    if args.list {
        for mutant in &mutants {
            print_line(format_args!("{}: {}", mutant.id, mutant.description.breaks));
        }
        return Ok(true);
    }
    let tree = MutantTree::create()?;
    // All of them without their faults first: then each mutant costs one build, not two.
    let checks = mutants.iter().map(|mutant| tree.test_without_fault(mutant));
    let checks = checks.collect::<anyhow::Result<Vec<_>>>()?;
    let mut failures = Vec::new();
    for (mutant, check) in mutants.iter().zip(checks) {
        let outcome = match check {
            Ok(()) => tree.test_with_fault(mutant)?,
            unusable => unusable,
        };
        if let Err(reason) = outcome {
            failures.push(format!("{}: {reason}", mutant.id));
        }
    }
    print_line(format_args!(
        "\n{} mutants, {} not killed",
        mutants.len(),
        failures.len()
    ));
    failures.iter().for_each(print_line);
    Ok(failures.is_empty())
}

/// All mutants below the top of the repository, in the order of their ids.
fn all(top: &Path) -> anyhow::Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for suite in folders(&top.join(MUTANTS))? {
        for folder in folders(&suite)? {
            let file = folder.join("mutant.toml");
            let text = fs::read_to_string(&file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            let description = toml::from_str(&text);
            let description =
                description.with_context(|| format!("in {}", file.display()))?;
            let id = folder.strip_prefix(top.join(MUTANTS))?.display().to_string();
            mutants.push(Mutant { id, patch: folder.join("mutant.patch"), description });
        }
    }
    ensure!(!mutants.is_empty(), "{MUTANTS} has no mutants: run this at the top");
    Ok(mutants)
}

fn folders(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut folders = paths.collect::<anyhow::Result<Vec<_>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn selected(all: Vec<Mutant>, names: &[String]) -> anyhow::Result<Vec<Mutant>> {
    for name in names {
        let known = all.iter().any(|mutant| is_named(mutant, name));
        ensure!(known, "there is no mutant {name}: --list prints all");
    }
    let wanted = |mutant: &Mutant| names.iter().any(|name| is_named(mutant, name));
    Ok(all.into_iter().filter(|mutant| names.is_empty() || wanted(mutant)).collect())
}

fn is_named(mutant: &Mutant, name: &str) -> bool {
    let suite = mutant.id.split('/').next();
    mutant.id == name || suite == Some(name)
}

/// Whether a mutant was killed; the error is the reason why not.
type Outcome = Result<(), &'static str>;

/// A copy of the last commit, with an own build folder. Dropped, the copy is removed; what
/// was built stays for the next run.
struct MutantTree {
    tree: PathBuf,
    target: PathBuf,
}

impl MutantTree {
    fn create() -> anyhow::Result<Self> {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or("target".to_owned());
        let folder = std::env::current_dir()?.join(target).join("mutants");
        let tree = Self { tree: folder.join("tree"), target: folder.join("target") };
        tree.remove();
        let path = tree.tree.display().to_string();
        output("git", &["worktree", "add", "--force", "--detach", &path, "HEAD"])?;
        Ok(tree)
    }

    /// Runs the tests of a mutant without its fault.
    fn test_without_fault(&self, mutant: &Mutant) -> anyhow::Result<Outcome> {
        let Mutant { id, description, .. } = mutant;
        let name = format!("{id}, without the fault");
        let code = self.test(&name, description, false)?;
        Ok(if code == Some(0) { Ok(()) } else { Err("its tests fail without the fault") })
    }

    /// Runs the tests of a mutant with its fault.
    fn test_with_fault(&self, mutant: &Mutant) -> anyhow::Result<Outcome> {
        let Mutant { id, patch, description } = mutant;
        print_line(format_args!("\n=== {id}: {}", description.breaks));
        if self.git(&["apply", &patch.display().to_string()]).is_err() {
            return Ok(Err("its patch does not apply: make it again"));
        }
        let built = self.test(&format!("{id}, build"), description, true)?;
        let outcome = if built != Some(0) {
            Err("it does not compile")
        } else if self.test(id, description, false)? == Some(TESTS_FAILED) {
            Ok(())
        } else {
            Err("its tests pass: it survived")
        };
        self.git(&["checkout", "--", "."])?;
        self.git(&["clean", "--force", "-d", "--quiet"])?;
        Ok(outcome)
    }

    fn test(
        &self,
        name: &str,
        description: &Description,
        only_build: bool,
    ) -> anyhow::Result<Option<i32>> {
        let (workspace, manifest) = (workspace(), self.tree.join("Cargo.toml"));
        let manifest = manifest.display().to_string();
        let mut args = vec!["test", "--manifest-path", &manifest];
        args.extend(workspace.iter().map(String::as_str));
        if only_build {
            args.push("--no-run");
        }
        args.extend(description.test.iter().map(String::as_str));
        let step = Step::cargo(name, &args)
            .env("CARGO_TARGET_DIR", &self.target.display().to_string());
        // A filter that matches no test passes, and the mutant counts as a survivor.
        Ok(step.run(1)?.code)
    }

    fn git(&self, args: &[&str]) -> anyhow::Result<()> {
        let status = Command::new("git").arg("-C").arg(&self.tree).args(args).status()?;
        ensure!(status.success(), "git {} failed", args.join(" "));
        Ok(())
    }

    fn remove(&self) {
        let path = self.tree.display().to_string();
        let _absent = Command::new("git")
            .args(["worktree", "remove", "--force", &path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for MutantTree {
    fn drop(&mut self) {
        self.remove();
    }
}
