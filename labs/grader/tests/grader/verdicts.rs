//! Outcomes and reports of correct and wrong programs.

use crate::fixture::{CORRECT, Work};
use crate::formats::{check, record};
use grader::{Outcome, Record, Status};

fn statuses(record: &Record) -> Vec<Status> {
    record.checks.iter().map(|check| check.status).collect()
}

#[tokio::test]
async fn correct_program_passes_with_every_seed_and_requests_are_counted() {
    let record = Work::with(CORRECT).graded().await;
    assert_eq!(record.outcome, Outcome::Pass, "{record:#?}");
    assert_eq!((record.points, record.max_points), (5, 5));
    assert_eq!(record.checks[0].requests, 2, "one per seed");
    assert!(record.checks[0].p99_ms > 0.0);
    assert_eq!(record.shown().count(), 2, "a passed quiet check is not shown");
}

#[test]
fn full_points_without_a_pass_are_explained() {
    let mut guard = check("guard", Status::Fail);
    (guard.max_points, guard.quiet) = (0, true);
    let checks = vec![check("holds", Status::Pass), guard];
    let mut record = Record { checks, remarks: Vec::new(), ..record() };
    record.add_up();
    assert_eq!(record.points, 3);
    assert_eq!(record.remarks, ["not met, without points: Check guard: one, two"]);
}

#[tokio::test]
async fn wrong_program_fails_with_a_reproducible_report() {
    let wrong = CORRECT.replace("* 2", "* 3");
    let record = Work::with(&wrong).graded().await;
    assert_eq!(record.outcome, Outcome::Fail);
    assert_eq!(record.points, 0);
    let check = &record.checks[0];
    assert!(
        check.transcript.iter().any(|line| line.contains("$ curl -sS http://127.0.0.1:"))
    );
    assert!(check.expected.starts_with("expected "), "{}", check.expected);
    assert_eq!(check.help, "times two");
    assert_eq!(check.rerun, "cargo lab grade x-01 --seed 7 --repeat 1");
    assert_eq!(statuses(&record)[1..], [Status::Skipped, Status::Skipped]);
    assert_eq!(record.checks[1].actual, "needs: It is doubled");
}

#[tokio::test]
async fn same_seed_draws_the_same_values() {
    let wrong = Work::with(&CORRECT.replace("* 2", "* 3"));
    let (one, other) = (wrong.graded().await, wrong.graded().await);
    assert_eq!(one.checks[0].expected, other.checks[0].expected);
}

#[tokio::test]
async fn quiet_check_detects_a_lookup_table() {
    let lookup = CORRECT.replace(
        "(number.parse::<u64>().unwrap_or_default() * 2).to_string()",
        "let n: u64 = number.parse().unwrap_or_default();
         (if n < 1000 { n * 2 } else { 0 }).to_string()",
    );
    let record = Work::with(&lookup).graded().await;
    assert_eq!(record.outcome, Outcome::Fail);
    assert_eq!(record.shown().count(), 3, "a failed quiet check is shown");
}

#[tokio::test]
async fn crash_during_a_check_is_reported_as_the_reason() {
    let dies = CORRECT.replace(
        "(number.parse",
        "if number.len() > 6 { std::process::exit(3) }\n(number.parse",
    );
    let record = Work::with(&dies).graded().await;
    let check = &record.checks[2];
    assert_eq!(check.status, Status::Fail);
    assert!(check.actual.contains("it exited with an error"), "{}", check.actual);
}

#[tokio::test]
async fn program_that_does_not_compile_fails_with_the_first_error() {
    let record =
        Work::with("pub fn before() {}\npub fn answer() -> u64 { \"x\" }").graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    assert!(record.message.contains("error[E0308]"), "{}", record.message);
    assert!(record.message.contains("x-01-double/src/answer.rs:2"), "{}", record.message);
    assert_eq!(statuses(&record), [Status::Fail, Status::Skipped, Status::Skipped]);
}

#[tokio::test]
async fn first_of_many_compiler_errors_is_shown() {
    let more = |n| format!("pub fn more_{n}() -> u64 {{ \"x\" }}\n");
    let more: String = (0..400).map(more).collect();
    let wrong =
        format!("{}\npub fn the_first() -> u64 {{ \"x\" }}\n{more}", CORRECT.trim());
    let record = Work::with(&wrong).graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    assert!(record.message.starts_with("it does not compile:\nerror[E0308]"));
    assert!(record.message.contains("the_first"), "{}", record.message);
    assert!(record.message.contains("bytes left out"), "precondition of this test");
}

#[tokio::test]
async fn hanging_program_fails_by_timeout() {
    let hangs = CORRECT.replace(
        "(number.parse",
        "loop { std::thread::park() }\n#[allow(unreachable_code)]\n(number.parse",
    );
    let record = Work::with(&hangs).graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    let check = &record.checks[0];
    assert!(check.actual.contains("no reply within"), "{}", check.actual);
}

#[tokio::test]
async fn program_that_never_listens_fails_by_timeout() {
    let waits = CORRECT.replace("before() {}", "before() { std::thread::park() }");
    let record = Work::with(&waits).graded().await;
    assert_eq!(record.outcome, Outcome::Fail, "{}", record.message);
    let actual = &record.checks[0].actual;
    assert!(actual.contains("no ready line"), "{actual}");
}

#[tokio::test]
async fn missing_sandbox_program_is_a_harness_error() {
    let work = Work::with(CORRECT);
    let mut assignment = crate::fixture::assignment(work.path());
    assignment.sandbox.path = "/nowhere/sandbox".into();
    let record = grader::grade(assignment).await;
    assert_eq!(record.outcome, Outcome::HarnessError);
    assert!(record.message.contains("/nowhere/sandbox"), "{}", record.message);
}
