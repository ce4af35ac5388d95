//! Arguments and folders whose names are no text (not UTF-8). Linux allows them.

use crate::run::{COMMAND_TIMEOUT, TestLab, finish, only_line};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Output;

/// A name that is no text.
fn no_text() -> &'static OsStr {
    OsStr::from_bytes(b"no\xfftext")
}

/// The command must end as one of the documented exit codes says, and without a panic.
fn assert_orderly(output: &Output, what: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(code.is_some_and(|code| code <= 4), "{what}: {output:?}");
    assert!(!errors.contains("panicked"), "{what}: {errors}");
    if code == Some(2) {
        assert!(!errors.trim().is_empty(), "{what}: refused without a reason");
    }
}

#[test]
fn argument_that_is_no_text_makes_no_panic() {
    let (lab, folder) = (TestLab::new(), tempfile::tempdir().unwrap());
    for before in [
        &[][..],
        &["demo"],
        &["list", "--in"],
        &["run"],
        &["run", "p1-01", "--in"],
        &["hint"],
        &["up", "--name"],
        &["up", "--users"],
        &["up", "--replicas"],
        &["kill"],
        &["status", "--name"],
        &["compare", "--only"],
        &["user", "add", "alice", "--users"],
        &["user", "add"],
        &["check-stateless", "--steps"],
        &["migrate", "--database-url"],
        &["dev", "layout"],
    ] {
        let mut command = lab.command(before);
        command.arg(folder.path().join(no_text()));
        assert_orderly(&finish(command, COMMAND_TIMEOUT), &format!("{before:?}"));
    }
    lab.until_empty();
}

/// The names of the folder are in files of text, from which other commands find the cluster.
#[test]
fn temporary_folder_without_text_refuses_a_cluster() {
    let lab = TestLab::new();
    let folder = lab.path().join(no_text());
    fs::create_dir(&folder).unwrap();
    let mut command = lab.command(&["up", "--listen", "127.0.0.1:0", "--detach"]);
    command.env("TMPDIR", &folder);
    let output = finish(command, COMMAND_TIMEOUT);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(only_line(&output).contains("set TMPDIR"), "{output:?}");
}
