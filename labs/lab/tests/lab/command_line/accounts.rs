//! `lab user`: accounts in a users file, from the first admin to a server that takes them.

use crate::run::{COMMAND_TIMEOUT, TestLab, finish, only_line};
use api_contract::accounts::Accounts;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Output, Stdio};

const PASSWORD: &str = "correct-horse-battery";

/// A folder with a users file.
struct Users {
    lab: TestLab,
    folder: tempfile::TempDir,
}

impl Users {
    fn new() -> Self {
        Self { lab: TestLab::new(), folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("users.json")
    }

    /// `lab user ARGS --users FILE`, with this standard input.
    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let file = self.file().display().to_string();
        let mut command =
            self.lab.command(&[&["user"], args, &["--users", &file]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("lab starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // A command that refuses its arguments reads no input.
        let _refused = pipe.write_all(input);
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args, format!("{PASSWORD}\n").as_bytes());
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn add(&self, name: &str, more: &[&str]) {
        self.ok(&[&["add", name, "--password-stdin"], more].concat());
    }

    fn entries(&self) -> Value {
        let text = fs::read_to_string(self.file()).expect("the users file");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        file["users"].clone()
    }

    fn entry(&self, name: &str) -> Value {
        let entries = self.entries();
        let mut entries = entries.as_array().expect("a list").iter();
        entries.find(|entry| entry["username"] == name).expect("the account").clone()
    }
}

#[test]
fn added_account_is_hashed_private_and_complete() {
    let users = Users::new();
    users.add("alice", &[]);
    users.add("ada", &["--organisation", "physics", "--admin"]);
    users.add("oskar", &["--operator"]);
    let text = fs::read_to_string(users.file()).expect("the users file");
    assert!(!text.contains(PASSWORD), "{text}");
    // OWASP: Argon2id, 19 MiB, 2 passes, the cost that the servers use.
    assert_eq!(text.matches("$argon2id$v=19$m=19456,t=2,p=1$").count(), 3, "{text}");
    let about = fs::metadata(users.file()).expect("a file");
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    let (alice, ada, oskar) =
        (users.entry("alice"), users.entry("ada"), users.entry("oskar"));
    let roles = |entry: &Value| {
        let member = |name: &str| entry.get(name).cloned();
        [member("organisation"), member("admin"), member("operator")]
    };
    assert_eq!(roles(&alice), [None, None, None]);
    assert_eq!(roles(&ada), [Some(json!("physics")), Some(json!(true)), None]);
    assert_eq!(roles(&oskar), [None, None, Some(json!(true))]);
    let files = fs::read_dir(users.folder.path()).expect("a folder").count();
    assert_eq!(files, 1, "a draft stays");
}

#[test]
fn passwd_admin_and_operator_change_one_entry() {
    let users = Users::new();
    users.add("alice", &[]);
    users.add("bob", &[]);
    let (alice, bob) = (users.entry("alice"), users.entry("bob"));
    users.ok(&["passwd", "alice", "--password-stdin"]);
    assert_ne!(users.entry("alice")["password_hash"], alice["password_hash"]);
    users.ok(&["admin", "alice"]);
    users.ok(&["operator", "alice"]);
    let both = users.entry("alice");
    assert_eq!((&both["admin"], &both["operator"]), (&json!(true), &json!(true)));
    users.ok(&["admin", "alice", "--revoke"]);
    users.ok(&["operator", "alice", "--revoke"]);
    let none = users.entry("alice");
    assert_eq!((none.get("admin"), none.get("operator")), (None, None));
    assert_eq!(users.entry("bob"), bob, "another entry");
}

#[test]
fn bad_name_organisation_or_password_changes_nothing() {
    let users = Users::new();
    users.add("alice", &[]);
    let before = fs::read(users.file()).expect("the users file");
    let long = "x".repeat(33);
    let stdin = "--password-stdin";
    let refused: [(&[&str], &[u8]); 17] = [
        (&["add", "Alice", stdin], b"correct-horse-battery"),
        (&["add", "../bob", stdin], b"correct-horse-battery"),
        (&["add", ".bob", stdin], b"correct-horse-battery"),
        (&["add", "", stdin], b"correct-horse-battery"),
        (&["add", "a b", stdin], b"correct-horse-battery"),
        (&["add", &long, stdin], b"correct-horse-battery"),
        (&["add", "bob\n", stdin], b"correct-horse-battery"),
        (&["add", "alice", stdin], b"correct-horse-battery"),
        (&["add", "bob", stdin, "--organisation", "A B"], b"correct-horse-battery"),
        (&["add", "bob", stdin, "--organisation", ""], b"correct-horse-battery"),
        (&["add", "bob", stdin], b""),
        (&["add", "bob", stdin], b"\n"),
        (&["add", "bob", stdin], b"short"),
        (&["add", "bob", stdin], b"two lines are not\none password"),
        (&["add", "bob", stdin], b"not text: \xff\xfe\xff\xfe\xff"),
        (&["passwd", "bob", stdin], b"correct-horse-battery"),
        (&["admin", "bob"], b""),
    ];
    for (args, input) in refused {
        let output = users.run(args, input);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        only_line(&output);
        assert_eq!(fs::read(users.file()).expect("it stays"), before, "{args:?}");
    }
    let tall = users.run(&["add", "bob", stdin], "y".repeat(1_025).as_bytes());
    assert_eq!(tall.status.code(), Some(2), "{tall:?}");
}

/// A command line is visible to every user of the machine.
#[test]
fn password_comes_from_no_argument_and_no_silent_pipe() {
    let users = Users::new();
    let flag = users.run(&["add", "alice", "--password", PASSWORD], b"");
    assert_eq!(flag.status.code(), Some(2), "{flag:?}");
    let pipe = users.run(&["add", "alice"], format!("{PASSWORD}\n").as_bytes());
    assert_eq!(pipe.status.code(), Some(2), "{pipe:?}");
    assert!(only_line(&pipe).contains("--password-stdin"), "{pipe:?}");
    assert!(!users.file().exists());
}

/// A pseudo-terminal shows each typed character unless the program turns echo off.
#[test]
fn password_prompt_shows_no_character() {
    let users = Users::new();
    let line = format!(
        "'{}' user add alice --users '{}'",
        env!("CARGO_BIN_EXE_lab"),
        users.file().display()
    );
    let script = format!(
        "(sleep 1; echo {PASSWORD}; sleep 1; echo {PASSWORD}; sleep 1) | \
         script --quiet --return --command \"{line}\" /dev/null"
    );
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script]);
    let output = finish(command, COMMAND_TIMEOUT);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(shown.contains("Password"), "{shown}");
    assert_eq!(users.entry("alice")["username"], "alice");
    // The line editor of the terminal may echo what arrives before the prompt.
    assert!(shown.matches(PASSWORD).count() == 0, "{shown}");
}

#[test]
fn replacement_keeps_a_linked_file_and_tightens_its_mode() {
    let users = Users::new();
    users.add("alice", &[]);
    let real = users.folder.path().join("real.json");
    fs::rename(users.file(), &real).expect("renamed");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).expect("changed");
    symlink(&real, users.file()).expect("linked");
    users.add("bob", &[]);
    assert!(fs::symlink_metadata(users.file()).expect("a link").is_symlink());
    let about = fs::metadata(&real).expect("the file");
    assert_eq!(
        (about.mode() & 0o777, users.entries().as_array().map(Vec::len)),
        (0o600, Some(2))
    );
}

#[test]
fn commands_at_the_same_time_lose_no_account() {
    let users = Users::new();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let users = &users;
            scope.spawn(move || users.add(&format!("user-{number}"), &[]));
        }
    });
    assert_eq!(users.entries().as_array().map(Vec::len), Some(6));
}

#[test]
fn invalid_users_file_is_refused_and_kept() {
    let users = Users::new();
    for text in ["", "{}", "{\"users\": [{\"username\": \"a\"}]}", "not JSON"] {
        fs::write(users.file(), text).expect("written");
        let output = users.run(&["add", "bob", "--password-stdin"], PASSWORD.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{text}: {output:?}");
        assert_eq!(fs::read_to_string(users.file()).expect("kept"), text);
    }
}

/// The documented way to the first admin: an entry in the users file, then a start.
#[tokio::test]
async fn admin_of_the_users_file_manages_accounts_of_a_cluster() {
    let users = Users::new();
    users.add("ada", &["--admin", "--organisation", "physics"]);
    users.add("bob", &["--organisation", "physics"]);
    let file = users.file().display().to_string();
    let up = ["up", "--detach", "--listen", "127.0.0.1:0", "--replicas", "1"];
    let design = ["--design", "memory", "--users", &file];
    users.lab.ok(&[&up[..], &design].concat());
    let url = users.lab.ok(&["status", "--url"]).trim().to_owned();
    let target = client::Client::new(&url);
    let login = json!({ "username": "ada", "password": PASSWORD });
    let request = target.request(http::Method::POST, "/api/session/start").json(&login);
    let started = target.send(request).await.expect("an answer");
    let session: Value = serde_json::from_slice(&started.body).expect("JSON");
    let id = session["session_id"].as_str().expect("a session id");
    let list =
        target.request(http::Method::GET, "/api/admin/users").header("x-session-id", id);
    let listed = target.send(list).await.expect("an answer");
    let listed: Accounts = serde_json::from_slice(&listed.body).expect("the accounts");
    let names: Vec<_> = listed.users.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(names, ["ada", "bob"]);
    users.lab.ok(&["down"]);
    users.lab.until_empty();
}

#[test]
fn commands_in_refusals_name_the_users_file() {
    let users = Users::new();
    users.add("ada", &[]);
    let file = users.file().display().to_string();
    for (args, command) in [
        (&["add", "ada", "--password-stdin"][..], "passwd ada"),
        (&["passwd", "bob", "--password-stdin"], "add bob"),
        (&["admin", "bob"], "add bob"),
        (&["operator", "bob", "--revoke"], "add bob"),
    ] {
        let refused = users.run(args, format!("{PASSWORD}\n").as_bytes());
        let line = only_line(&refused);
        let whole = format!("cargo lab user {command} --users {file}");
        assert!(line.contains(&whole), "{whole:?} is missing: {line}");
    }
}
