//! Right and wrong programs, and what is said about them.

use crate::fixture::{RIGHT, Work};
use crate::formats::{check, record};
use grader::{Record, Status, Verdict};

fn statuses(record: &Record) -> Vec<Status> {
    record.checks.iter().map(|check| check.status).collect()
}

#[tokio::test]
async fn a_right_program_passes_with_every_seed_and_its_cost_is_counted() {
    let record = Work::with(RIGHT).graded().await;
    assert_eq!(record.verdict, Verdict::Pass, "{record:#?}");
    assert_eq!((record.points, record.max_points), (5, 5));
    assert_eq!(record.checks[0].requests, 2, "one for each seed");
    assert!(record.checks[0].p99_ms > 0.0);
    assert_eq!(record.shown().count(), 2, "the quiet check says nothing");
}

#[test]
fn who_has_all_points_and_no_pass_is_told_why() {
    let mut guard = check("guard", Status::Fail);
    (guard.max_points, guard.quiet) = (0, true);
    let checks = vec![check("holds", Status::Pass), guard];
    let mut record = Record { checks, remarks: Vec::new(), ..record() };
    record.add_up();
    assert_eq!(record.points, 3);
    assert_eq!(record.remarks, ["not met, without points: Check guard: one, two"]);
}

#[tokio::test]
async fn a_wrong_program_fails_with_all_that_is_needed_to_see_it_again() {
    let wrong = RIGHT.replace("* 2", "* 3");
    let record = Work::with(&wrong).graded().await;
    assert_eq!(record.verdict, Verdict::Fail);
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
async fn the_same_seed_asks_the_same() {
    let wrong = Work::with(&RIGHT.replace("* 2", "* 3"));
    let (one, other) = (wrong.graded().await, wrong.graded().await);
    assert_eq!(one.checks[0].expected, other.checks[0].expected);
}

#[tokio::test]
async fn what_is_right_only_for_small_numbers_is_found_quietly() {
    let lookup = RIGHT.replace(
        "(number.parse::<u64>().unwrap_or_default() * 2).to_string()",
        "let n: u64 = number.parse().unwrap_or_default();
         (if n < 1000 { n * 2 } else { 0 }).to_string()",
    );
    let record = Work::with(&lookup).graded().await;
    assert_eq!(record.verdict, Verdict::Fail);
    assert_eq!(record.shown().count(), 3, "now it is shown");
}

#[tokio::test]
async fn a_crash_in_the_middle_is_named_as_the_reason() {
    let dies = RIGHT.replace(
        "(number.parse",
        "if number.len() > 6 { std::process::exit(3) }\n(number.parse",
    );
    let record = Work::with(&dies).graded().await;
    let check = &record.checks[2];
    assert_eq!(check.status, Status::Fail);
    assert!(
        check.actual.contains("it ended by itself, with an error"),
        "{}",
        check.actual
    );
}

#[tokio::test]
async fn a_program_that_does_not_compile_fails_with_the_first_error() {
    let record =
        Work::with("pub fn before() {}\npub fn answer() -> u64 { \"x\" }").graded().await;
    assert_eq!(record.verdict, Verdict::Fail, "{}", record.message);
    assert!(record.message.contains("error[E0308]"), "{}", record.message);
    assert!(record.message.contains("x-01-double/src/answer.rs:2"), "{}", record.message);
    assert_eq!(statuses(&record), [Status::Fail, Status::Skipped, Status::Skipped]);
}

#[tokio::test]
async fn of_very_many_errors_the_first_is_shown() {
    let more = |n| format!("pub fn more_{n}() -> u64 {{ \"x\" }}\n");
    let more: String = (0..400).map(more).collect();
    let wrong =
        format!("{}\npub fn the_first() -> u64 {{ \"x\" }}\n{more}", RIGHT.trim());
    let record = Work::with(&wrong).graded().await;
    assert_eq!(record.verdict, Verdict::Fail, "{}", record.message);
    assert!(record.message.starts_with("it does not compile:\nerror[E0308]"));
    assert!(record.message.contains("the_first"), "{}", record.message);
    assert!(record.message.contains("bytes left out"), "or this shows nothing");
}

#[tokio::test]
async fn a_program_that_hangs_fails_in_time() {
    let hangs = RIGHT.replace(
        "(number.parse",
        "loop { std::thread::park() }\n#[allow(unreachable_code)]\n(number.parse",
    );
    let record = Work::with(&hangs).graded().await;
    assert_eq!(record.verdict, Verdict::Fail, "{}", record.message);
    let check = &record.checks[0];
    assert!(check.actual.contains("no answer within"), "{}", check.actual);
}

#[tokio::test]
async fn a_program_that_never_listens_fails_in_time() {
    let waits = RIGHT.replace("before() {}", "before() { std::thread::park() }");
    let record = Work::with(&waits).graded().await;
    assert_eq!(record.verdict, Verdict::Fail, "{}", record.message);
    let actual = &record.checks[0].actual;
    assert!(actual.contains("no ready line"), "{actual}");
}

#[tokio::test]
async fn a_lab_that_breaks_is_nobodys_failure() {
    let work = Work::with(RIGHT);
    let mut assignment = crate::fixture::assignment(work.path());
    assignment.cage.path = "/nowhere/cage".into();
    let record = grader::grade(assignment).await;
    assert_eq!(record.verdict, Verdict::HarnessError);
    assert!(record.message.contains("/nowhere/cage"), "{}", record.message);
}
