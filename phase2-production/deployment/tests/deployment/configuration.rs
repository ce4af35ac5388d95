//! The files as they are: HAProxy accepts its configuration, and no image runs as root.

use api_contract::problem::{Problem, ProblemKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Names what must be here: then a test without it fails instead of doing nothing.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

/// What HAProxy says of the two files, in an environment; [`None`] if there is no HAProxy.
fn checked(environment: &[(&str, &str)]) -> Option<Result<(), String>> {
    let files = ["haproxy.cfg", "replicas.cfg"];
    let files = files.map(|name| folder().join("haproxy").join(name));
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-c").arg("-f").arg(&files[0]).arg("-f").arg(&files[1]);
    haproxy.envs(environment.iter().copied());
    let Ok(output) = haproxy.output() else {
        let must = env::var(MUST_HAVE).unwrap_or_default();
        let must = must.split(' ').any(|one| one == "haproxy");
        assert!(!must, "{MUST_HAVE} names haproxy, which is not installed");
        eprintln!("SKIPPED the check of haproxy.cfg: haproxy is not installed");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let fine = output.status.success() && !said.contains("[WARNING]");
    Some(if fine { Ok(()) } else { Err(said) })
}

#[test]
fn haproxy_takes_the_configuration_without_a_warning_for_either_policy() {
    for policy in ["round-robin", "sticky"] {
        let environment = [("POLICY", policy), ("NAME_PREFIX", "lab-")];
        let Some(said) = checked(&environment) else { return };
        said.unwrap();
    }
    assert_eq!(checked(&[]), Some(Ok(())), "nothing has to be set");
}

#[test]
fn haproxy_refuses_a_policy_that_there_is_not() {
    let Some(said) = checked(&[("POLICY", "sticki")]) else { return };
    said.unwrap_err();
}

#[test]
fn what_haproxy_answers_itself_is_in_the_contracts_form_and_words() {
    let kinds =
        [ProblemKind::NoReplica, ProblemKind::ReplicaFailed, ProblemKind::ReplicaTimeout];
    let text = fs::read_to_string(folder().join("haproxy/haproxy.cfg")).unwrap();
    let errors = text.lines().filter(|line| line.trim().starts_with("http-error "));
    let mut found = 0;
    for line in errors {
        let body = line.split('\'').nth(1).unwrap();
        let body = body.replace("%[var(txn.request_id)]", "some-request");
        let problem: Problem = serde_json::from_str(&body).unwrap();
        let kind = kinds.iter().find(|kind| kind.slug() == problem.slug());
        let kind = kind.unwrap_or_else(|| panic!("{} is not ours", problem.slug()));
        assert_eq!(problem.title, kind.title());
        assert_eq!(problem.status, kind.status().as_u16());
        let as_status = format!("http-error status {} ", problem.status);
        assert!(line.trim().starts_with(&as_status), "{line}");
        found += 1;
    }
    assert_eq!(found, kinds.len());
}

/// The program is told to stop itself, and not a shell that keeps it from hearing so.
#[test]
fn every_image_runs_its_program_directly_and_not_as_root() {
    let mut images = 0;
    for entry in fs::read_dir(folder().join("images")).unwrap() {
        let path = entry.unwrap().path().join("Dockerfile");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let users: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("USER ")).collect();
        assert!(!users.is_empty(), "{}: root", path.display());
        assert!(!users.contains(&"root") && !users.contains(&"0"), "{}", path.display());
        let starts: Vec<_> = ["ENTRYPOINT ", "CMD "]
            .iter()
            .filter_map(|word| text.lines().find_map(|line| line.strip_prefix(word)))
            .collect();
        assert!(!starts.is_empty(), "{}: starts nothing", path.display());
        assert!(starts.iter().all(|form| form.starts_with('[')), "{}", path.display());
        images += 1;
    }
    assert_eq!(images, 5);
}
