//! Exercises that a student has not begun.

use crate::judging::{BUILD_TIMEOUT, Work, solution};
use crate::markdown::top;
use crate::run::finish;
use std::fs;
use std::path::Path;
use std::process::Output;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if path.is_dir() && name != "target" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(path, to.join(name)).expect("it can be copied");
        }
    }
}

fn graded(work: &Work, args: &[&str]) -> Output {
    let mut command = work.lab.command(&[&["grade"], args].concat());
    command.current_dir(work.path()).env_remove("GITHUB_STEP_SUMMARY");
    finish(command, BUILD_TIMEOUT)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Two exercises are in the repository, one of them unchanged. The others are missing.
#[test]
fn untouched_exercises_earn_no_points_and_fail_no_job() {
    let work = Work::new();
    for id in ["p1-01-life-of-a-session", "p1-02-credential-on-every-request"] {
        let place = work.path().join("repository/labs/work").join(id);
        copy(&top().join("labs/exercises").join(id), &place);
    }
    let solved = "repository/labs/work/p1-01-life-of-a-session/src/sessions.rs";
    fs::write(work.path().join(solved), solution()).expect("it can be written");
    let args = ["--in", "repository", "--repeat", "1"];
    let output = graded(&work, &[&args[..], &["--format", "github"]].concat());
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(!printed.lines().any(|line| line.starts_with("::error")), "{printed}");
    let notices = printed.lines().filter(|line| line.starts_with("::notice"));
    assert_eq!(notices.count(), 7, "{printed}");
    assert_eq!(printed.matches(": 0 of ").count(), 7, "{printed}");
    assert!(printed.contains("pass: 15 of 15 points"), "{printed}");

    let named = ["p1-02", "--in", "repository", "--json"];
    let output = graded(&work, &named);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report = crate::json::valid(&text(&output.stdout));
    let record = &report["records"][0];
    assert_eq!((&record["points"], &record["outcome"]), (&0.into(), &"fail".into()));
    let remark = record["remarks"][0].as_str().expect("a remark");
    assert!(remark.ends_with("contains the unchanged exercise"), "{remark}");
}

#[test]
fn class_is_refused_before_grading_in_a_format_for_one() {
    let work = Work::new();
    work.copy_original("class/ada/labs/work");
    work.copy_original("class/bob/labs/work");
    for format in ["exercism", "gradescope", "classroom50"] {
        let args = ["p1-01", "--submissions", "class", "--format", format];
        let output = graded(&work, &args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let printed = text(&output.stderr);
        assert!(printed.contains("one exercise of one submission"), "{printed}");
        assert!(!printed.contains("at a time"), "it began to grade: {printed}");
    }
}
