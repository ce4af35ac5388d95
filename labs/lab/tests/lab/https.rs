//! `lab up --tls`: what is printed works as it stands, and what is wrong is said at once.

use crate::run::{World, only_line};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::path::Path;
use std::process::Command;

const UP: [&str; 5] = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas"];

/// Runs a line of curl, such as one that a command has printed, and returns what it says.
fn curl(world: &World, line: &str) -> String {
    let mut bash = Command::new("bash");
    // An empty home: nobody's settings of curl decide here.
    bash.args(["-c", line]).env("HOME", world.path());
    let output = bash.output().expect("the pages' commands are for bash");
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The printed command for a login, with the password put in.
fn printed_login(said: &str) -> String {
    let (_, from) = said.split_once("Log in:").expect("it says how to log in");
    let (command, _) = from.split_once("Break it:").expect("and what to do then");
    command.trim().replace("\"...\"", "\"correct-horse\"")
}

#[test]
fn the_printed_command_logs_in_over_https_and_an_upload_comes_back() {
    let world = World::new();
    let up = ["2", "--tls", "self-signed", "--password", "correct-horse"];
    let said = world.ok(&[&UP[..], &up].concat());
    let url = world.ok(&["status", "--url"]).trim().to_owned();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let file = world.ok(&["status", "--certificate"]).trim().to_owned();
    let trust = format!("--cacert {file}");
    assert!(said.contains(&trust) && world.ok(&["status"]).contains(&file), "{said}");

    let login = printed_login(&said);
    assert!(login.contains(&trust) && login.contains(&url), "{login}");
    let answer = curl(&world, &format!("{login} -sS"));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let (_, body) = answer.rsplit_once("\r\n\r\n").expect("head and body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let id = body["session_id"].as_str().expect("a session");
    // Phase 1 remembers in the replica: its files are everybody's, its sessions are not.
    let call = format!("curl -sS {trust} -H 'X-Session-ID: {id}' {url}/api");
    let upload = format!("{call}/upload -F 'file=@-;filename=a.txt' <<< kept");
    let sent = (0..2).map(|_| curl(&world, &upload));
    let kept = sent.filter_map(|one| {
        let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
        one["file_id"].as_str().map(str::to_owned)
    });
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.len(), 1, "one of two replicas knows the session");
    world.ok(&["down"]);
    assert!(!Path::new(&file).exists());
    world.until_empty();
}

#[test]
fn a_client_that_was_not_told_whom_to_trust_is_not_served() {
    let world = World::new();
    world.ok(&[&UP[..], &["1", "--tls", "self-signed"]].concat());
    let url = world.ok(&["status", "--url"]).trim().to_owned();
    let refused = Command::new("curl").args(["-sS", &url]).output().expect("curl");
    assert_eq!(refused.status.code(), Some(60), "no trust: {refused:?}");
    world.ok(&["down"]);
    world.until_empty();
}

#[test]
fn a_certificate_of_ones_own_is_shown_under_the_name_that_it_is_for() {
    let world = World::new();
    let files = Files::write(world.path());
    let up = ["1", "--tls", &files.chain, "--tls-key", &files.key];
    let named = ["--public-url", "https://lab.example"];
    let said = world.ok(&[&UP[..], &up, &named].concat());
    assert!(said.contains("https://lab.example/api/"), "{said}");
    assert!(!said.contains("--cacert"), "it is for its owner to know who trusts it");
    let status: serde_json::Value =
        serde_json::from_str(&world.ok(&["status", "--json"])).expect("JSON");
    let address = status["members"][0]["address"].as_str().expect("it listens");
    let line = format!(
        "curl -sS --cacert {} --connect-to ::{address} https://lab.example/livez",
        files.chain
    );
    curl(&world, &line);
    assert!(only_line(&world.lab(&["status", "--certificate"])).contains("self-signed"));
    world.ok(&["down"]);
    files.remove();
    world.until_empty();
}

#[test]
fn a_certificate_that_cannot_be_used_is_one_line_and_nothing_starts() {
    let world = World::new();
    let files = Files::write(world.path());
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
            "begins with https://",
        ),
    ] {
        let up = ["up", "--listen", "127.0.0.1:0", "--design", "central"];
        let refused = world.lab(&[&up[..], &flags].concat());
        assert_eq!(refused.status.code(), Some(2), "{flags:?}");
        let line = only_line(&refused);
        assert!(line.contains(says), "{flags:?} said {line}");
    }
    let keyless = world.lab(&["up", "--tls-key", key]);
    assert_eq!(keyless.status.code(), Some(2));
    assert!(String::from_utf8(keyless.stderr).unwrap().contains("--tls"));
    files.remove();
    world.until_empty();
}

/// A certificate for `lab.example` with its key, and the key of another.
struct Files {
    chain: String,
    key: String,
    other: String,
}

impl Files {
    fn write(folder: &Path) -> Self {
        let make = || {
            generate_simple_self_signed(["lab.example".to_owned()])
                .expect("a certificate in a folder of its own")
        };
        let path = |name| folder.join(name).to_str().expect("plain names").to_owned();
        let CertifiedKey { cert, signing_key } = make();
        let files = Self {
            chain: path("chain.pem"),
            key: path("key.pem"),
            other: path("other.pem"),
        };
        std::fs::write(&files.chain, cert.pem())
            .expect("a certificate in a folder of its own");
        std::fs::write(&files.key, signing_key.serialize_pem())
            .expect("a certificate in a folder of its own");
        std::fs::write(&files.other, make().signing_key.serialize_pem())
            .expect("a certificate in a folder of its own");
        files
    }

    fn remove(&self) {
        for file in [&self.chain, &self.key, &self.other] {
            std::fs::remove_file(file).expect("a certificate in a folder of its own");
        }
    }
}
