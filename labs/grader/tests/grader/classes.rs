//! Grading a class: a folder with one folder per submission.

use crate::fixture::{CORRECT, ID, SUITE, Work, assignment, copy, paths};
use grader::class::{Submitted, csv, grade_all, not_folders, submissions};
use grader::{Assignment, CheckContext, CheckResult, Outcome, Record, Suite, suite};
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

    /// Adds a submission with this answer, in a folder of the class.
    fn submit(&self, place: &str, answer: &str) {
        copy(Work::with(answer).path(), &self.path().join(place));
    }

    /// Adds the unchanged exercise.
    fn submit_unchanged(&self, place: &str) {
        copy(&paths().exercises(), &self.path().join(place));
    }

    fn submissions(&self) -> Vec<Submitted> {
        submissions(self.path(), &paths(), &paths().manifest(ID).unwrap()).unwrap()
    }

    async fn graded_by(&self, suite: Suite) -> Vec<Record> {
        let template = Assignment { suite, work: None, ..assignment(self.path()) };
        grade_all(&template, self.submissions(), 2, |_, _| {}).await
    }
}

fn outcomes(records: &[Record]) -> Vec<Outcome> {
    records.iter().map(|record| record.outcome).collect()
}

fn wrong() -> String {
    CORRECT.replace("* 2", "* 3")
}

#[tokio::test]
async fn class_table_has_one_line_per_submission() {
    let class = Class::new();
    class.submit("ada", CORRECT);
    class.submit("bob, \"b\"", &wrong());
    class.submit("cyd/labs/exercises", CORRECT);
    fs::create_dir(class.path().join("dan")).unwrap();

    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Outcome::Pass, Outcome::Fail);
    assert_eq!(outcomes(&records), [pass, fail, pass, fail]);
    assert!(records[3].message.contains("not there"), "no work was submitted");

    let table = csv(&records);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].starts_with("ada,x-01-double,pass,5,5,"), "{table}");
    assert!(lines[2].starts_with("\"bob, \"\"b\"\"\",x-01-double,fail,0,5,"), "{table}");
}

/// A student's repository also contains the original exercises.
#[tokio::test]
async fn changed_folder_is_graded_and_conflicting_folders_are_remarked() {
    let class = Class::new();
    class.submit_unchanged("ada/labs/exercises");
    class.submit("ada/labs/work", CORRECT);
    class.submit("bob/labs/exercises", CORRECT);
    class.submit_unchanged("bob/labs/work");
    class.submit("cyd/labs/exercises", CORRECT);
    class.submit("cyd/labs/work", &wrong());
    class.submit_unchanged("dan/labs/exercises");

    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Outcome::Pass, Outcome::Fail);
    assert_eq!(outcomes(&records), [pass, pass, fail, fail]);
    let file = |place: &str| format!("{place}/{ID}/src/answer.rs");
    assert_eq!(records[0].checks[0].file, file("labs/work"));
    assert_eq!(records[1].checks[0].file, file("labs/exercises"));
    let remarks: Vec<_> =
        records.iter().map(|record| record.remarks.join("; ")).collect();
    let two = "TWO FOLDERS CONTAIN DIFFERENT WORK: labs/work was graded, labs/exercises was \
         not";
    let none = "labs/exercises contains the unchanged exercise";
    assert_eq!(remarks, ["", "", two, none]);
    assert!(csv(&records).lines().nth(3).unwrap().ends_with(&format!(",\"{two}\"")));
    let shown = grader::format::terminal(&records[2], grader::format::Colour::No);
    assert!(shown.contains(two), "{shown}");
}

#[tokio::test]
async fn symlink_to_another_submission_is_not_followed() {
    let class = Class::new();
    class.submit("ada/labs/work", CORRECT);
    symlink(class.path().join("ada"), class.path().join("bob")).unwrap();
    for (name, link) in [("cyd", "labs"), ("dan", "labs/work")] {
        let link = class.path().join(name).join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let target = if name == "cyd" { "../ada/labs" } else { "../../ada/labs/work" };
        symlink(target, link).unwrap();
    }
    let records = class.graded_by(SUITE).await;
    let (pass, fail) = (Outcome::Pass, Outcome::Fail);
    assert_eq!(outcomes(&records), [pass, fail, fail, fail]);
    let remarks: Vec<_> =
        records.iter().map(|record| record.remarks.join("; ")).collect();
    assert_eq!(remarks[1], "the submission is a symbolic link and was not followed");
    assert_eq!(remarks[2], "labs is a symbolic link and was not followed");
    assert_eq!(remarks[3], "labs/work is a symbolic link and was not followed");
}

/// A defective check that panics on a wrong answer.
async fn it_is_doubled(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let reply = ctx.get(&server.url(), "/4").send().await?;
    assert_eq!(reply.text(), "8");
    Ok(())
}

async fn it_is_doubled_after_a_crash(_: &CheckContext) -> CheckResult {
    Ok(())
}

async fn it_is_doubled_and_not_looked_up(_: &CheckContext) -> CheckResult {
    Ok(())
}

const PANICS: Suite = suite!("x-01-double":
    it_is_doubled,
    it_is_doubled_after_a_crash,
    it_is_doubled_and_not_looked_up,
);

#[tokio::test]
async fn class_grading_survives_a_panic_in_one_grading() {
    let class = Class::new();
    class.submit("ada", CORRECT);
    class.submit("bob", &wrong());
    class.submit("cyd", CORRECT);
    let records = class.graded_by(PANICS).await;
    assert_eq!(outcomes(&records), [Outcome::Pass, Outcome::HarnessError, Outcome::Pass]);
    let names: Vec<_> = records.iter().flat_map(|record| &record.submission).collect();
    assert_eq!(names, ["ada", "bob", "cyd"]);
    assert!(
        csv(&records)
            .lines()
            .nth(2)
            .unwrap()
            .starts_with("bob,x-01-double,harness error")
    );
}

#[test]
fn control_characters_are_removed_from_submission_names() {
    let class = Class::new();
    class.submit("a\u{1b}[2J", CORRECT);
    assert_eq!(class.submissions()[0].name, "a\u{fffd}[2J");
}

#[test]
fn folder_without_submissions_is_an_error() {
    let class = tempfile::tempdir().unwrap();
    let manifest = paths().manifest(ID).unwrap();
    let error = submissions(class.path(), &paths(), &manifest).unwrap_err();
    assert!(error.to_string().contains("contains no submissions"), "{error}");
}

/// Changes every file below a folder.
fn rewrite(folder: &Path, change: impl Fn(String) -> String + Copy) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rewrite(&path, change);
        } else {
            fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        }
    }
}

/// Git on another system changes the line ends of the handout, and an editor adds a mark or
/// an empty line.
#[tokio::test]
async fn handout_with_other_line_ends_counts_as_unchanged() {
    let changes: [fn(String) -> String; 5] = [
        |text| text.replace('\n', "\r\n"),
        |text| format!("\u{feff}{text}"),
        |text| text.replace('\n', " \n"),
        |text| text + "\n\n",
        |text| text.replace("    ", "\t"),
    ];
    for change in changes {
        let class = Class::new();
        class.submit_unchanged("ada/labs/work");
        rewrite(&class.path().join("ada/labs/work"), change);
        class.submit("ada/labs/exercises", CORRECT);
        class.submit_unchanged("bob/labs/exercises");
        rewrite(&class.path().join("bob/labs/exercises"), change);
        let records = class.graded_by(SUITE).await;
        assert_eq!(outcomes(&records), [Outcome::Pass, Outcome::Fail]);
        assert_eq!(records[0].remarks, [""; 0]);
        let remark = "labs/exercises contains the unchanged exercise";
        assert_eq!(records[1].remarks, [remark]);
        assert_eq!(records[1].points, 0);
    }
}

/// An unpacked archive has one more folder.
#[tokio::test]
async fn work_in_another_folder_is_found_for_the_report() {
    let class = Class::new();
    class.submit("ada/repository-main/labs/work", CORRECT);
    class.submit_unchanged("bob/labs/exercises");
    class.submit("bob/homework", CORRECT);
    class.submit("cyd", CORRECT);
    let rename = |name: &str, to: &str| {
        fs::rename(class.path().join(name), class.path().join(to)).unwrap();
    };
    rename(&format!("cyd/{ID}"), "cyd/my-double");
    class.submit("dan", CORRECT);
    rename(&format!("dan/{ID}/src/answer.rs"), "dan/answer.rs");
    fs::remove_dir_all(class.path().join("dan").join(ID)).unwrap();
    fs::write(class.path().join("eve.zip"), "an archive").unwrap();
    assert_eq!(not_folders(class.path()), ["eve.zip"]);
    let records = class.graded_by(SUITE).await;
    assert_eq!(outcomes(&records), [Outcome::Fail; 4]);
    let places = ["repository-main/labs/work/x-01-double", "homework/x-01-double"];
    for (record, place) in
        records.iter().zip(places.into_iter().chain(["my-double", "answer.rs"]))
    {
        let remarks = record.remarks.join("\n");
        assert!(remarks.contains(&format!("{place} was not graded")), "{remarks}");
        assert!(!record.message.contains("compile"), "{}", record.message);
    }
}

#[tokio::test]
async fn class_table_names_the_failed_checks() {
    let class = Class::new();
    class.submit("ada", &wrong());
    class.submit("bob", "pub fn answer() -> u64 { \"x\" }");
    let table = csv(&class.graded_by(SUITE).await);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].ends_with(",failed,remarks"), "{table}");
    assert!(lines[1].contains(",it_is_doubled,"), "{table}");
    assert!(lines[2].contains("it does not compile: error"), "{table}");
}
