//! Builds the program of the previous release, and runs it beside this one.

use super::steps::{Step, output};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Environment variable with the commit of the previous release.
const COMMIT: &str = "LAB_PREVIOUS_COMMIT";

/// The folder of the migrations, wherever an earlier commit had it below this one.
const MIGRATIONS: &str = ":(glob)phase2-production/**/records/migrations/**";

/// Programs before this migration start on no newer schema.
const FIRST_RULE: &str = "records/migrations/postgres/0011_compatibility.sql";

/// Steps that check out the previous release, build its upload server, run the long form of
/// the rolling upgrade with it, and remove the checkout.
pub(super) fn steps(target: &Path) -> anyhow::Result<Vec<Step>> {
    let commit = commit().context("cannot find the previous release: set its commit")?;
    let folder = std::path::absolute(target.join("previous-release"))?;
    let tree = text(folder.join(format!("tree-{}", std::process::id())))?;
    let (manifest, build) = (format!("{tree}/Cargo.toml"), text(folder.join("build"))?);
    let program = format!("{build}/debug/upload-server");
    let git = |name: &str, args: &[&str]| Step::program(name, "git".into(), args);
    let compile = ["build", "--locked", "--bin", "upload-server", "--manifest-path"];
    let compile = [&compile[..], &[&manifest, "--target-dir", &build]].concat();
    let test =
        ["--test", "server", "--", "previous_release_", "--ignored", "--nocapture"];
    Ok(vec![
        git("previous release", &["worktree", "add", "--detach", &tree, &commit]),
        Step::cargo("build of the previous release", &compile),
        Step::cargo_test("rolling upgrade", &test)
            .env("LAB_PREVIOUS_PROGRAM", &program)
            .must_print("two releases ran side by side"),
        git("end of the previous release", &["worktree", "remove", "--force", &tree]),
    ])
}

fn text(path: PathBuf) -> anyhow::Result<String> {
    path.into_os_string().into_string().ok().context("the path of the target is no text")
}

/// The commit from the environment, or the newest tag, or the last commit before the newest
/// migration; but none that is older than the rule for newer schemas.
fn commit() -> anyhow::Result<String> {
    if let Ok(commit) = std::env::var(COMMIT) {
        return Ok(commit);
    }
    let tag = output("git", &["describe", "--tags", "--abbrev=0", "HEAD^"]);
    // A migration that only moved to another folder is no new one, so renames are detected.
    let last = |format: &str, path: &str| {
        let added = ["log", "--first-parent", "-1", "--find-renames", "--diff-filter=A"];
        output("git", &[&added[..], &[format, "--", path]].concat())
    };
    let candidate = tag.or_else(|_no_tag| last("--format=%H^", MIGRATIONS))?;
    let files = output("git", &["ls-tree", "-r", "--name-only", &candidate])?;
    if files.lines().any(|file| file.ends_with(FIRST_RULE)) {
        return Ok(candidate);
    }
    last("--format=%H", &format!(":(glob)phase2-production/**/{FIRST_RULE}"))
}
