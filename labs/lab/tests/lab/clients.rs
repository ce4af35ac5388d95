//! The client programs of `labs/harness/clients` against clusters: requests, httpx, aiohttp,
//! websockets, tuspy, PyJWT, boto3 and schemathesis.

use crate::markdown::top;
use crate::run::{TestLab, finish};
use backing_services::{Backing, s3};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The environment variable with the programs and services that must be installed.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// The Python interpreter with the client libraries. `scripts/test` sets it.
const PYTHON: &str = "LAB_CLIENTS_PYTHON";

/// Time limit of a client program.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(400);

/// Short times of the signing keys, in milliseconds, so that a rotation takes seconds. The key
/// set may then be kept for three seconds.
const KEY_TIMES: [&str; 4] = ["--key-refresh-ms", "500", "--key-lead-ms", "8000"];

const PASSWORD: &str = "correct-horse";

/// The interpreter with the libraries, or [`None`] with a line that says what is skipped.
fn python() -> Option<PathBuf> {
    let target = std::env::var("CARGO_TARGET_DIR").map(PathBuf::from);
    let built =
        target.unwrap_or_else(|_| top().join("target")).join("clients/bin/python");
    let python = std::env::var(PYTHON).map_or(built, PathBuf::from);
    if python.is_file() {
        return Some(python);
    }
    let reason = format!("scripts/test installs the libraries of {}", python.display());
    let must = std::env::var(MUST_HAVE).unwrap_or_default();
    let must = must.split(' ').any(|one| one == "clients");
    assert!(!must, "{MUST_HAVE} names clients: {reason}");
    eprintln!("SKIPPED the client programs: {reason}");
    None
}

/// Runs a client program, which must print a check and fail none.
fn run(lab: &TestLab, program: &str, settings: &[(&str, &str)]) {
    let Some(python) = python() else { return };
    let url = lab.ok(&["status", "--url"]);
    let mut command = Command::new(python);
    command
        .arg(top().join("labs/harness/clients").join(program))
        .env("TMPDIR", lab.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LAB_URL", url.trim())
        .env("LAB_USER", "alice")
        .env("LAB_PASSWORD", PASSWORD)
        .envs(settings.iter().copied());
    let output = finish(command, PROGRAM_TIMEOUT);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}:\n{printed}\n{errors}");
    assert!(printed.contains("ok 1 - "), "{program} checked nothing:\n{printed}");
}

fn up(lab: &TestLab, design: &str, files: Option<&str>, flags: &[&str]) {
    let mut args = vec!["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "2"];
    args.extend(["--design", design]);
    if files.is_some() {
        args.extend(["--files", "s3"]);
    }
    args.extend(flags);
    let mut command = lab.command(&args);
    command.envs(files.map(|url| ("FILES_URL", url)));
    let output = finish(command, crate::run::COMMAND_TIMEOUT);
    assert!(output.status.success(), "{output:?}");
}

/// Adds an account to a users file, as an instructor does.
fn add_user(lab: &TestLab, args: &[&str]) {
    let mut command = lab.command(&[&["user", "add", "--password-stdin"], args].concat());
    let mut child = command.stdin(Stdio::piped()).spawn().expect("lab starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{PASSWORD}").expect("the password is read");
    drop(stdin);
    assert!(child.wait().expect("it ends").success(), "{args:?}");
}

fn down(lab: &TestLab) {
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn session_clients_get_the_documented_replies() {
    if python().is_none() {
        return;
    }
    let lab = TestLab::new();
    up(&lab, "central", None, &["--password", PASSWORD]);
    for program in [
        "session_with_requests.py",
        "files_with_httpx.py",
        "streams_with_aiohttp.py",
        "events_with_websockets.py",
        "tus_with_tuspy.py",
        "generated_requests_with_schemathesis.py",
    ] {
        run(&lab, program, &[]);
    }
    down(&lab);
}

#[test]
fn jwks_client_accepts_every_token_during_rotations() {
    if python().is_none() {
        return;
    }
    let lab = TestLab::new();
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.json").display().to_string();
    add_user(&lab, &["alice", "--users", &users]);
    add_user(&lab, &["olga", "--users", &users, "--operator"]);
    up(&lab, "token", None, &[&["--users", &users, "--"], &KEY_TIMES[..]].concat());
    let operator = [("LAB_OPERATOR", "olga"), ("LAB_OPERATOR_PASSWORD", PASSWORD)];
    run(&lab, "keys_with_pyjwt.py", &operator);
    down(&lab);
}

#[tokio::test]
async fn s3_client_finds_the_signed_uploads() {
    if python().is_none() {
        return;
    }
    let lab = TestLab::new();
    let folder = tempfile::tempdir().expect("a folder");
    let store = s3(Backing::Auto, folder.path()).await.expect("an object store");
    up(&lab, "central", Some(&store.url), &["--password", PASSWORD]);
    let url = reqwest::Url::parse(&store.url).expect("a URL");
    let address = format!(
        "http://{}:{}",
        url.host_str().expect("a host"),
        url.port().expect("a port")
    );
    let settings = [
        ("LAB_S3_URL", address.as_str()),
        ("LAB_S3_KEY", url.username()),
        ("LAB_S3_SECRET", url.password().expect("a secret")),
        ("LAB_BUCKET", url.path().trim_start_matches('/')),
    ];
    run(&lab, "signed_puts_with_boto3.py", &settings);
    down(&lab);
}
