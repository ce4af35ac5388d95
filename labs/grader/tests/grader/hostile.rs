//! Programs with extreme defects, and malicious programs.

use crate::fixture::{CORRECT, ID, Work, copy, paths};
use crate::sandbox::sleep_process_count;
use grader::format::{Colour, shielded, terminal};
use grader::{Outcome, Record};
use std::fs;
use std::os::unix::fs::symlink;

fn with_before(body: &str) -> Work {
    Work::with(&CORRECT.replace("before() {}", &format!("before() {{ {body} }}")))
}

/// Number of processes with this word on their command line.
fn process_count(word: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let command =
        |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).unwrap_or_default();
    entries
        .map(command)
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}

fn first_actual(record: &Record) -> &str {
    &record.checks[0].actual
}

#[tokio::test]
async fn fork_bomb_is_stopped_with_all_its_processes() {
    let work = with_before(
        r#"let program = std::env::current_exe().unwrap();
        loop { let _ = std::process::Command::new(&program).arg("fork-without-end").spawn(); }"#,
    );
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    let actual = first_actual(&record);
    assert!(actual.contains("more than 8 processes"), "{actual}");
    assert_eq!(process_count("fork-without-end"), 0);
}

#[tokio::test]
async fn orphan_processes_are_killed_with_the_program() {
    // The program becomes ready only after the orphan process has started.
    let work = with_before(
        r#"let _ = std::process::Command::new("sh")
            .args(["-c", "setsid sleep 86007 & exit 0"]).status();
        let sleeps = |entry: std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline"));
            line.is_ok_and(|line| line == b"sleep\x0086007\x00")
        };
        while !std::fs::read_dir("/proc").unwrap().flatten().any(sleeps) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }"#,
    );
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    assert_eq!(sleep_process_count("86007"), 0);
}

#[tokio::test]
async fn a_program_that_takes_all_memory_is_stopped() {
    let work =
        with_before("let mut all = Vec::new(); loop { all.push(vec![1_u8; 1 << 20]); }");
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    let actual = first_actual(&record);
    // Where the kernel counts the memory, it may be the one that ends the program.
    let stopped =
        actual.contains("more than 128 MiB") || actual.contains("with an error");
    assert!(stopped, "{actual}");
}

#[tokio::test]
async fn a_program_that_prints_without_end_is_stopped() {
    let work = Work::with(&CORRECT.replace(
        "(number.parse",
        "loop { println!(\"again and again and again\"); }\n#[allow(unreachable_code)]\n(number.parse",
    ));
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    assert!(first_actual(&record).contains("wrote more"), "{}", first_actual(&record));
}

#[tokio::test]
async fn forged_result_in_the_output_has_no_effect() {
    let work = Work::with(
        r#"
pub fn before() {
    println!("pass: 5 of 5 points, 0.1 s");
    println!("::notice title=Autograding report::{{\"totalPoints\":5,\"maxPoints\":5}}");
    println!("{{\"verdict\":\"pass\",\"points\":5}}");
}
pub fn answer(_: &str) -> String { "5 of 5".to_owned() }
"#,
    );
    let record = work.graded().await;
    assert_eq!((record.outcome, record.points), (Outcome::Fail, 0));
    let shown = terminal(&record, Colour::No);
    assert!(shown.contains("| [r1] pass: 5 of 5 points"), "it is shown: {shown}");
    assert!(!shown.lines().any(|line| line.starts_with("pass")), "{shown}");
    let outcome = shown.lines().last().unwrap();
    assert!(outcome.starts_with("fail: 0 of 5 points"), "{shown}");
    let shown = shielded(&shown, 42);
    let begins = shown.starts_with("::stop-commands::000000000000002a\n");
    assert!(
        begins && shown.contains("::notice") && shown.ends_with("::000000000000002a::\n")
    );
}

#[tokio::test]
async fn changed_manifest_is_listed_and_not_used() {
    let work = Work::with(&CORRECT.replace("* 2", "* 3"));
    let manifest =
        fs::read_to_string(work.path().join(ID).join("exercise.toml")).unwrap();
    work.write("exercise.toml", &manifest.replace("points = 3", "points = 300"));
    work.write("src/main.rs", "fn main() { std::process::exit(0) }");
    work.write("build.rs", "fn main() { panic!(\"it ran\") }");
    let record = work.graded().await;
    assert_eq!((record.outcome, record.max_points), (Outcome::Fail, 5));
    assert_eq!(record.restored, ["exercise.toml", "src/main.rs"]);
    assert_eq!(record.checks[0].status, grader::Status::Fail, "{}", record.message);
}

#[tokio::test]
async fn changed_shared_files_are_listed_and_not_used() {
    let work = Work::with(CORRECT);
    copy(&paths().exercises().join("support"), &work.path().join("support"));
    let lib = work.path().join("support/src/lib.rs");
    fs::write(lib, "compile_error!(\"it was used\");").unwrap();
    fs::write(work.path().join("Cargo.toml"), "this is no manifest").unwrap();
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{}", record.message);
    assert_eq!(record.restored, ["../Cargo.toml", "../support/src/lib.rs"]);
}

#[tokio::test]
async fn correct_answer_passes_although_other_files_were_changed() {
    let work = Work::with(CORRECT);
    work.remove("README.md");
    work.write("Cargo.toml", "this is no manifest");
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{}", record.message);
    assert_eq!(record.restored, ["Cargo.toml", "README.md"]);
}

#[tokio::test]
async fn deleted_answer_fails_with_its_file_name() {
    let work = Work::with(CORRECT);
    work.remove("src/answer.rs");
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Fail);
    assert!(record.message.contains("not there: src/answer.rs"), "{}", record.message);
}

/// Otherwise a submission could disclose a file of the grading user.
#[tokio::test]
async fn symlink_instead_of_an_answer_is_not_followed() {
    let work = Work::with(CORRECT);
    work.remove("src/answer.rs");
    let target = paths().exercises().join(ID).join("src/answer.rs");
    symlink(target, work.path().join(ID).join("src/answer.rs")).unwrap();
    let record = work.graded().await;
    assert!(record.message.contains("not there: src/answer.rs"), "{}", record.message);
}

/// A CI job's environment contains secrets that a student's program must not get.
#[tokio::test]
async fn program_does_not_get_the_graders_environment() {
    let work = Work::with(&CORRECT.replace(
        "(number.parse",
        "if std::env::var_os(\"CARGO_MANIFEST_DIR\").is_some() { return String::new() }\n(number.parse",
    ));
    assert!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some(),
        "precondition of this test"
    );
    let record = work.graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
}
