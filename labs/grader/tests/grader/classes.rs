//! A class: a folder with a folder for each submission.

use crate::fixture::{ID, RIGHT, Work, assignment, copy};
use grader::Verdict;
use grader::class::{csv, grade_all, submissions};
use std::fs;

#[tokio::test]
async fn a_class_is_graded_with_one_line_for_each() {
    let class = tempfile::tempdir().unwrap();
    let right = Work::with(RIGHT);
    let wrong = Work::with(&RIGHT.replace("* 2", "* 3"));
    copy(right.path(), &class.path().join("ada"));
    copy(wrong.path(), &class.path().join("bob, \"b\""));
    copy(right.path(), &class.path().join("cyd/labs/exercises"));
    fs::create_dir(class.path().join("dan")).unwrap();

    let found = submissions(class.path(), ID).unwrap();
    let records = grade_all(&assignment(class.path()), found, 2, |_| {}).await.unwrap();
    let verdicts: Vec<_> = records.iter().map(|record| record.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Fail, Verdict::Pass, Verdict::Fail]);
    assert!(records[3].message.contains("not there"), "nothing was handed in");

    let table = csv(&records);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].starts_with("ada,x-01-double,pass,5,5,"), "{table}");
    assert!(lines[2].starts_with("\"bob, \"\"b\"\"\",x-01-double,fail,0,5,"), "{table}");
}

#[test]
fn a_folder_without_submissions_is_said_to_be_one() {
    let class = tempfile::tempdir().unwrap();
    let error = submissions(class.path(), ID).unwrap_err();
    assert!(error.to_string().contains("holds no submissions"), "{error}");
}
