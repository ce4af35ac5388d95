//! A class: a folder with a folder for each submission.

use crate::fixture::{ID, RIGHT, SUITE, Work, assignment, copy, home};
use grader::class::{Submitted, csv, grade_all, submissions};
use grader::{Assignment, Exam, Outcome, Record, Suite, Verdict, suite};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// A folder for submissions.
struct Class(TempDir);

impl Class {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Hands in what somebody wrote, in a place of a submission.
    fn hand_in(&self, place: &str, answer: &str) {
        copy(Work::with(answer).path(), &self.path().join(place));
    }

    /// The exercise as it was handed out.
    fn hand_in_nothing(&self, place: &str) {
        copy(&home().exercises(), &self.path().join(place));
    }

    fn submissions(&self) -> Vec<Submitted> {
        submissions(self.path(), &home(), &home().manifest(ID).unwrap()).unwrap()
    }

    async fn graded_by(&self, suite: Suite) -> Vec<Record> {
        let template = Assignment { suite, work: None, ..assignment(self.path()) };
        grade_all(&template, self.submissions(), 2, |_, _| {}).await
    }
}

fn verdicts(records: &[Record]) -> Vec<Verdict> {
    records.iter().map(|record| record.verdict).collect()
}

fn wrong() -> String {
    RIGHT.replace("* 2", "* 3")
}

#[tokio::test]
async fn a_class_is_graded_with_one_line_for_each() {
    let class = Class::new();
    class.hand_in("ada", RIGHT);
    class.hand_in("bob, \"b\"", &wrong());
    class.hand_in("cyd/labs/exercises", RIGHT);
    fs::create_dir(class.path().join("dan")).unwrap();

    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    assert_eq!(verdicts(&records), [pass, fail, pass, fail]);
    assert!(records[3].message.contains("not there"), "nothing was handed in");

    let table = csv(&records);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].starts_with("ada,x-01-double,pass,5,5,"), "{table}");
    assert!(lines[2].starts_with("\"bob, \"\"b\"\"\",x-01-double,fail,0,5,"), "{table}");
}

/// A repository of a student holds the exercises as they were handed out, too.
#[tokio::test]
async fn the_place_with_work_is_graded_and_two_with_different_work_are_told_of() {
    let class = Class::new();
    class.hand_in_nothing("ada/labs/exercises");
    class.hand_in("ada/labs/work", RIGHT);
    class.hand_in("bob/labs/exercises", RIGHT);
    class.hand_in_nothing("bob/labs/work");
    class.hand_in("cyd/labs/exercises", RIGHT);
    class.hand_in("cyd/labs/work", &wrong());
    class.hand_in_nothing("dan/labs/exercises");

    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    assert_eq!(verdicts(&records), [pass, pass, fail, fail]);
    let file = |place: &str| format!("{place}/{ID}/src/answer.rs");
    assert_eq!(records[0].checks[0].file, file("labs/work"));
    assert_eq!(records[1].checks[0].file, file("labs/exercises"));
    let remarks: Vec<_> =
        records.iter().map(|record| record.remarks.join("; ")).collect();
    let two =
        "TWO PLACES HOLD DIFFERENT WORK: labs/work was graded, labs/exercises was not";
    let none = "labs/exercises is as it was handed out: nothing was changed there";
    assert_eq!(remarks, ["", "", two, none]);
    assert!(csv(&records).lines().nth(3).unwrap().ends_with(&format!(",\"{two}\"")));
    let shown = grader::format::terminal(&records[2], grader::format::Colour::No);
    assert!(shown.contains(two), "{shown}");
}

#[tokio::test]
async fn a_link_to_the_work_of_somebody_else_is_not_followed() {
    let class = Class::new();
    class.hand_in("ada/labs/work", RIGHT);
    symlink(class.path().join("ada"), class.path().join("bob")).unwrap();
    for (name, link) in [("cyd", "labs"), ("dan", "labs/work")] {
        let link = class.path().join(name).join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let target = if name == "cyd" { "../ada/labs" } else { "../../ada/labs/work" };
        symlink(target, link).unwrap();
    }
    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Verdict::Pass, Verdict::Fail);
    assert_eq!(verdicts(&records), [pass, fail, fail, fail]);
    let remarks: Vec<_> =
        records.iter().map(|record| record.remarks.join("; ")).collect();
    assert_eq!(remarks[1], "the submission is a link, which is not followed");
    assert_eq!(remarks[2], "labs is a link, which is not followed");
    assert_eq!(remarks[3], "labs/work is a link, which is not followed");
}

/// It panics over a wrong answer, as a check with a mistake in it may.
async fn it_is_doubled(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let reply = exam.get(&server.url(), "/4").send().await?;
    assert_eq!(reply.text(), "8");
    Ok(())
}

async fn it_is_doubled_after_a_crash(_: &Exam) -> Outcome {
    Ok(())
}

async fn it_is_doubled_and_not_looked_up(_: &Exam) -> Outcome {
    Ok(())
}

const PANICS: Suite = suite!("x-01-double":
    it_is_doubled,
    it_is_doubled_after_a_crash,
    it_is_doubled_and_not_looked_up,
);

#[tokio::test]
async fn a_class_survives_a_grading_that_breaks() {
    let class = Class::new();
    class.hand_in("ada", RIGHT);
    class.hand_in("bob", &wrong());
    class.hand_in("cyd", RIGHT);
    let records = class.graded_by(PANICS).await;
    assert_eq!(verdicts(&records), [Verdict::Pass, Verdict::HarnessError, Verdict::Pass]);
    let names: Vec<_> = records.iter().flat_map(|record| &record.submission).collect();
    assert_eq!(names, ["ada", "bob", "cyd"]);
    assert!(csv(&records).lines().nth(2).unwrap().starts_with("bob,x-01-double,the lab"));
}

#[test]
fn a_submission_whose_name_would_order_a_terminal_about_is_listed_without_that() {
    let class = Class::new();
    class.hand_in("a\u{1b}[2J", RIGHT);
    assert_eq!(class.submissions()[0].name, "a\u{fffd}[2J");
}

#[test]
fn a_folder_without_submissions_is_said_to_be_one() {
    let class = tempfile::tempdir().unwrap();
    let manifest = home().manifest(ID).unwrap();
    let error = submissions(class.path(), &home(), &manifest).unwrap_err();
    assert!(error.to_string().contains("holds no submissions"), "{error}");
}
