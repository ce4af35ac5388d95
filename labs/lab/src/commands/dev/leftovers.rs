//! `lab dev leftovers`: processes, containers and files that tests left behind.

use crate::screen::print_line;
use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The beginning of the names of backing services' processes.
const SERVICES: [&str; 3] =
    ["stateless-lab-redis-", "stateless-lab-postgres-", "stateless-lab-s3-"];

/// The label of the lab's containers, networks and volumes.
const LABEL: &str = "label=stateless-lab.owner";

/// Fail if processes, containers or temporary files were left behind
#[derive(clap::Args, Debug)]
pub(super) struct LeftoversArgs {
    /// The folder for temporary files, which has to be empty
    #[arg(long, value_name = "DIR")]
    tmp: PathBuf,
}

pub(super) fn run(args: &LeftoversArgs) -> anyhow::Result<bool> {
    let mut leftovers = processes()?;
    leftovers.extend(containers()?);
    files(&args.tmp, &mut leftovers)?;
    for leftover in &leftovers {
        print_line(format_args!("left behind: {leftover}"));
    }
    Ok(leftovers.is_empty())
}

/// The lab's processes, other than this one.
fn processes() -> anyhow::Result<Vec<String>> {
    let own_id = std::process::id().to_string();
    let program = std::env::current_exe().context("cannot find this program")?;
    let folder = program.parent().context("a program is in a folder")?;
    let lines = lines("ps", &["-A", "-o", "pid=", "-o", "args="])?;
    let lines = lines.iter().map(|line| line.trim());
    let others = lines.filter(|line| line.split(' ').next() != Some(&own_id));
    Ok(others
        .filter(|line| is_ours(line, folder))
        .map(|line| format!("process {line}"))
        .collect())
}

/// Whether a line of `ps` is a backing service or a program from the build folder.
fn is_ours(line: &str, build_folder: &Path) -> bool {
    let built = format!("{}/", build_folder.display());
    let program = line.split(&built).nth(1).unwrap_or_default();
    let program = program.split([' ', '/']).next().unwrap_or_default();
    let roles = ["-role", "-server", "-sandbox"];
    program == "lab"
        || program == "load-balancer"
        || roles.iter().any(|role| program.ends_with(role))
        || SERVICES.iter().any(|service| line.contains(service))
        // The reaper of a run folder.
        || (line.contains("/stateless-lab-") && line.contains("/run-"))
}

/// Containers, networks and volumes with the lab's label.
fn containers() -> anyhow::Result<Vec<String>> {
    if Command::new("docker").arg("--version").output().is_err() {
        return Ok(Vec::new());
    }
    let kinds: [(&str, &[&str]); 3] = [
        ("container", &["ps", "--all", "--quiet", "--filter", LABEL]),
        ("network", &["network", "ls", "--quiet", "--filter", LABEL]),
        ("volume", &["volume", "ls", "--quiet", "--filter", LABEL]),
    ];
    let mut found = Vec::new();
    for (kind, args) in kinds {
        found.extend(lines("docker", args)?.iter().map(|id| format!("{kind} {id}")));
    }
    Ok(found)
}

fn files(folder: &Path, found: &mut Vec<String>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else {
            found.push(format!("file {}", entry.path().display()));
        }
    }
    Ok(())
}

fn lines(program: &str, args: &[&str]) -> anyhow::Result<Vec<String>> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", stderr.trim());
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_the_lab_are_leftovers() {
        let folder = Path::new("/lab/target/debug");
        for ours in [
            "12 /lab/target/debug/lab serve stateful",
            "13 /lab/target/debug/load-balancer",
            "14 /lab/target/debug/cluster-role x",
            "15 postgres: stateless-lab-postgres-17",
            "19 /bin/sh -c trap reaper /tmp/stateless-lab-0/run-c45b1f13",
        ] {
            assert!(is_ours(ours, folder), "{ours}");
        }
        for other in [
            "16 /lab/target/debug/deps/lab-1234",
            "17 /lab/target/debug/labels",
            "18 vim /lab/README.md",
        ] {
            assert!(!is_ours(other, folder), "{other}");
        }
    }

    #[test]
    fn files_in_subfolders_are_found_and_folders_ignored() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        let mut found = Vec::new();
        files(folder.path(), &mut found).unwrap();
        assert!(found.is_empty(), "{found:?}");
        fs::write(folder.path().join("a/b/c"), "").unwrap();
        files(folder.path(), &mut found).unwrap();
        assert_eq!(found.len(), 1);
    }
}
