//! `lab up --tls`: the printed commands work, and wrong flags are refused at once.

use crate::run::{TestLab, only_line};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::Path;
use std::process::Command;

const UP: [&str; 5] = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas"];

/// Runs a command line with curl and returns its output.
fn curl(lab: &TestLab, line: &str) -> String {
    let mut bash = Command::new("bash");
    // An empty home, without settings of curl.
    bash.args(["-c", line]).env("HOME", lab.path());
    let output = bash.output().expect("the pages' commands are for bash");
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The printed command for a login, with the password.
fn printed_login(printed: &str) -> String {
    let (_, from) = printed.split_once("Log in:").expect("a command for the login");
    let (command, _) = from.split_once("Break it:").expect("the commands after it");
    command.trim().replace("\"...\"", "\"correct-horse\"")
}

#[test]
fn printed_command_logs_in_over_https() {
    let lab = TestLab::new();
    let up = ["2", "--tls", "self-signed", "--password", "correct-horse"];
    let printed = lab.ok(&[&UP[..], &up].concat());
    let url = lab.ok(&["status", "--url"]).trim().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let file = lab.ok(&["status", "--certificate"]).trim().to_owned();
    let trust = format!("--cacert {file}");
    assert!(printed.contains(&trust) && lab.ok(&["status"]).contains(&file), "{printed}");

    let login = printed_login(&printed);
    assert!(login.contains(&trust) && login.contains(&url), "{login}");
    let answer = curl(&lab, &format!("{login} -sS"));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let (_, body) = answer.rsplit_once("\r\n\r\n").expect("head and body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let id = body["session_id"].as_str().expect("a session");
    // Phase 1 has sessions in the replica, so only one of the two accepts the session.
    let call = format!("curl -sS {trust} -H 'X-Session-ID: {id}' {url}/api");
    let upload = format!("{call}/upload -F 'file=@-;filename=a.txt' <<< kept");
    let sent = (0..2).map(|_| curl(&lab, &upload));
    let kept = sent.filter_map(|one| {
        let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
        one["file_id"].as_str().map(str::to_owned)
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.len(), 1, "one of two replicas has the session");
    lab.ok(&["down"]);
    assert!(!Path::new(&file).exists());
    lab.until_empty();
}

#[test]
fn client_without_the_certificate_is_refused() {
    let lab = TestLab::new();
    lab.ok(&[&UP[..], &["1", "--tls", "self-signed"]].concat());
    let url = lab.ok(&["status", "--url"]).trim().to_owned();
    let refused = Command::new("curl").args(["-sS", &url]).output().expect("curl");
    assert_eq!(refused.status.code(), Some(60), "no trust: {refused:?}");
    lab.ok(&["down"]);
    lab.until_empty();
}

#[test]
fn own_certificate_is_served_with_its_public_url() {
    let lab = TestLab::new();
    let files = Files::write(lab.path());
    let up = ["1", "--tls", &files.chain, "--tls-key", &files.key];
    let named = ["--public-url", "https://lab.example"];
    let printed = lab.ok(&[&UP[..], &up, &named].concat());
    assert!(printed.contains("https://lab.example/api/"), "{printed}");
    assert!(
        !printed.contains("--cacert"),
        "the owner of a certificate knows its clients"
    );
    let status: serde_json::Value =
        serde_json::from_str(&lab.ok(&["status", "--json"])).expect("JSON");
    let address = status["members"][0]["address"].as_str().expect("it listens");
    let line = format!(
        "curl -sS --cacert {} --connect-to ::{address} https://lab.example/livez",
        files.chain
    );
    curl(&lab, &line);
    assert!(only_line(&lab.run(&["status", "--certificate"])).contains("self-signed"));
    lab.ok(&["down"]);
    files.remove();
    lab.until_empty();
}

#[test]
fn unusable_certificate_prints_one_line_and_starts_nothing() {
    let lab = TestLab::new();
    let files = Files::write(lab.path());
    let Files { chain, key, other } = &files;
    for (flags, says) in [
        (vec!["--tls", chain, "--tls-key", other], "cannot be used together"),
        (vec!["--tls", chain, "--tls-key", "/none.pem"], "--tls-key /none.pem"),
        (vec!["--tls", "/none.pem", "--tls-key", key], "--tls /none.pem"),
        (vec!["--tls", key, "--tls-key", key], "no PEM certificate"),
        (vec!["--tls", chain], "give --tls-key"),
        (vec!["--tls", "self-signed", "--tls-key", key], "leave --tls-key out"),
        (
            vec!["--tls", "self-signed", "--public-url", "http://lab.example"],
            "must start with https://",
        ),
    ] {
        let up = ["up", "--listen", "127.0.0.1:0", "--design", "central"];
        let refused = lab.run(&[&up[..], &flags].concat());
        assert_eq!(refused.status.code(), Some(2), "{flags:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{flags:?} printed {line}");
    }
    let keyless = lab.run(&["up", "--tls-key", key]);
    assert_eq!(keyless.status.code(), Some(2));
    assert!(String::from_utf8(keyless.stderr).unwrap().contains("--tls"));
    files.remove();
    lab.until_empty();
}

/// A certificate for `lab.example` with its key, and the key of another certificate.
struct Files {
    chain: String,
    key: String,
    other: String,
}

impl Files {
    fn write(folder: &Path) -> Self {
        let make = || {
            generate_simple_self_signed(["lab.example".to_owned()])
                .expect("the folder is writable")
        };
        let path = |name| folder.join(name).to_str().expect("plain names").to_owned();
        let CertifiedKey { cert, signing_key } = make();
        let files = Self {
            chain: path("chain.pem"),
            key: path("key.pem"),
            other: path("other.pem"),
        };
        std::fs::write(&files.chain, cert.pem()).expect("the folder is writable");
        std::fs::write(&files.key, signing_key.serialize_pem())
            .expect("the folder is writable");
        std::fs::write(&files.other, make().signing_key.serialize_pem())
            .expect("the folder is writable");
        files
    }

    fn remove(&self) {
        for file in [&self.chain, &self.key, &self.other] {
            std::fs::remove_file(file).expect("the folder is writable");
        }
    }
}
