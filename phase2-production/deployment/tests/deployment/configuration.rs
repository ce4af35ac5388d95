//! Checks of the files: HAProxy accepts its configuration, and no image runs as root.

use api_contract::problem::{Problem, ProblemKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The environment variable with the required programs. If one is missing, its
/// test fails.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

/// Lets HAProxy check the two files in an environment; [`None`] if HAProxy is missing.
fn check(environment: &[(&str, &str)]) -> Option<Result<(), String>> {
    let files = ["haproxy.cfg", "replicas.cfg"];
    let files = files.map(|name| folder().join("haproxy").join(name));
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-c").arg("-f").arg(&files[0]).arg("-f").arg(&files[1]);
    haproxy.envs(environment.iter().copied());
    let Ok(output) = haproxy.output() else {
        let required = env::var(MUST_HAVE).unwrap_or_default();
        let required = required.split(' ').any(|name| name == "haproxy");
        assert!(!required, "{MUST_HAVE} has haproxy, which is not installed");
        eprintln!("SKIPPED the check of haproxy.cfg: haproxy is not installed");
        return None;
    };
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let accepted = output.status.success() && !stderr.contains("[WARNING]");
    Some(if accepted { Ok(()) } else { Err(stderr) })
}

#[test]
fn haproxy_accepts_configuration_for_both_policies() {
    for policy in ["round-robin", "sticky"] {
        let environment = [("POLICY", policy), ("NAME_PREFIX", "lab-")];
        let Some(result) = check(&environment) else { return };
        result.unwrap();
    }
    assert_eq!(check(&[]), Some(Ok(())), "no variable is required");
}

#[test]
fn haproxy_rejects_unknown_policy() {
    let Some(result) = check(&[("POLICY", "sticki")]) else { return };
    result.unwrap_err();
}

#[test]
fn haproxy_errors_are_problems_of_the_contract() {
    let kinds = [
        ProblemKind::MalformedRequest,
        ProblemKind::RequestTimeout,
        ProblemKind::NoReplica,
        ProblemKind::ReplicaFailed,
        ProblemKind::ReplicaTimeout,
    ];
    let text = fs::read_to_string(folder().join("haproxy/haproxy.cfg")).unwrap();
    let errors = text.lines().filter(|line| line.trim().starts_with("http-error "));
    let mut found = 0;
    for line in errors {
        let body = line.split('\'').nth(1).unwrap();
        let body = body.replace("%[var(txn.request_id)]", "some-request");
        let problem: Problem = serde_json::from_str(&body).unwrap();
        let kind = kinds.iter().find(|kind| kind.slug() == problem.slug());
        let kind =
            kind.unwrap_or_else(|| panic!("{} is not in the contract", problem.slug()));
        assert_eq!(problem.title, kind.title());
        assert_eq!(problem.status, kind.status().as_u16());
        let as_status = format!("http-error status {} ", problem.status);
        assert!(line.trim().starts_with(&as_status), "{line}");
        for header in
            ["Cache-Control no-store", "X-Content-Type-Options nosniff", "X-Served-By lb"]
        {
            assert!(line.contains(&format!(" hdr {header}")), "{header}: {line}");
        }
        found += 1;
    }
    assert_eq!(found, kinds.len());
}

/// The program gets the stop signal, and not a shell that does not forward it.
#[test]
fn images_run_their_program_directly_and_not_as_root() {
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
        assert!(!starts.is_empty(), "{}: no ENTRYPOINT or CMD", path.display());
        assert!(starts.iter().all(|form| form.starts_with('[')), "{}", path.display());
        images += 1;
    }
    assert_eq!(images, 5);
}

/// The number after a word of a configuration, such as `inter 250ms`.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text.split(word).nth(1).unwrap_or_else(|| panic!("no {word} in {text}"));
    let digits = rest.trim_start_matches([' ', '"', ',']);
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).expect("a number")
}

/// After SIGTERM a replica has to accept until the balancer has taken it out: after `fall`
/// failed checks, each of which may take as long as its timeout. Then it has to end within the
/// 10 s after which the engine sends SIGKILL.
#[test]
fn replica_images_accept_until_haproxy_has_noticed() {
    let read = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let haproxy = read("haproxy/haproxy.cfg");
    let server = haproxy.lines().find(|line| line.contains("default-server check inter"));
    let (interval, fall) =
        (number_after(server.unwrap(), "inter "), number_after(server.unwrap(), "fall "));
    let timeout = 1000 * number_after(&haproxy, "timeout check ");
    let image = read("images/upload-server/Dockerfile");
    let grace = number_after(&image, "\"--drain-grace-ms");
    let deadline = number_after(&image, "\"--drain-deadline-ms");
    assert!(grace >= fall * (interval + timeout), "{grace} ms is too short");
    assert!(grace + deadline < 10_000, "{grace} + {deadline} ms is too long");
}
