//! Limits of GitHub: ten annotations per step, and a maximum size of the summary.

use crate::formats::{check, record, refused};
use grader::format::{annotations, summary};
use grader::{Outcome, Record, Status};

fn of(exercise: usize, statuses: &[Status]) -> Record {
    let mut record = record();
    record.exercise = format!("p{exercise}");
    record.checks = statuses.iter().map(|status| check("x", *status)).collect();
    record.outcome = grader::record::outcome_of(&record.checks);
    record
}

#[test]
fn github_annotates_the_first_check_that_did_not_pass() {
    let commands = annotations(&[record()]);
    let lines: Vec<_> = commands.lines().collect();
    assert_eq!(lines.len(), 1, "{commands}");
    let (file, line) = ("p1-01-life-of-a-session/src/sessions.rs", lines[0]);
    assert!(line.starts_with(&format!("::error file={file},line=1,")));
    assert!(
        line.contains("title=p1-01-life-of-a-session%3A Check fails%3A one%2C two::")
    );
    assert!(line.contains("expected: status 200%0A"), "{line}");
    assert!(line.contains("exercise.toml") && line.contains("two places"), "{line}");
    assert!(line.ends_with("%0Aand 1 more: see the summary of the job"), "{line}");
}

#[test]
fn github_annotations_are_limited_and_the_last_counts_the_rest() {
    use Status::{Fail, Pass, Skipped};
    let all: Vec<_> = (0..30).map(|number| of(number, &[Pass, Fail, Skipped])).collect();
    let commands = annotations(&all);
    assert_eq!(commands.lines().count(), 10, "{commands}");
    let last = "::warning title=and 21 more::see the summary of the job";
    assert_eq!(commands.lines().last(), Some(last));
    assert_eq!(annotations(&[of(1, &[Pass, Pass])]), "");
}

#[test]
fn compiler_errors_and_harness_errors_get_short_annotations() {
    let (refused, mut broken) = (refused(), refused());
    (broken.checks, broken.outcome) = (Vec::new(), Outcome::HarnessError);
    let commands = annotations(&[refused, broken]);
    let lines: Vec<_> = commands.lines().collect();
    assert!(lines[0].contains("it does not compile:%0Axxx"), "{}", &lines[0][..300]);
    assert!(
        lines[1].starts_with("::warning title="),
        "a harness error is only a warning"
    );
    assert!(lines.iter().all(|line| line.len() < 8 << 10));
}

#[test]
fn summary_explains_failures_and_fences_program_output() {
    let mut all = record();
    all.checks.push(check("broke", Status::Error));
    let page = summary(&[all]);
    assert!(page.contains("3 of 12 points (fail)"), "{page}");
    assert!(page.contains("``````text\n"), "a fence longer than any in it: {page}");
    for id in ["fails", "unsure", "broke"] {
        let head = format!("<details><summary>Check {id}: one, two</summary>");
        assert!(page.contains(&head), "{id}: {page}");
    }
    assert_eq!(page.matches("<details>").count(), 3, "{page}");
    assert!(page.contains("**two places**") && page.contains("exercise.toml"), "{page}");
}

#[test]
fn oversized_summary_omits_whole_blocks_and_counts_them() {
    for one in [record(), refused()] {
        let many: Vec<_> = std::iter::repeat_n(one, 500).collect();
        let page = summary(&many);
        assert!(page.len() <= 1 << 20);
        let fences = page.lines().filter(|line| line.starts_with("```")).count();
        assert_eq!(fences % 2, 0, "every block is closed");
        let last = page.trim_end().lines().last().unwrap();
        assert!(last.ends_with("more parts are in the log of the job only."), "{last}");
    }
}
