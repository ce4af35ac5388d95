//! JUnit XML. GitLab reads only the body of a failure, and of two cases of the same name
//! only the first, so each case carries its check's id.

use super::{explained, explained_in_full};
use crate::record::{CheckRecord, Record, Status};
use anyhow::Context;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// A report with a suite for each record.
///
/// # Errors
/// When a text cannot be written as XML.
pub fn junit(records: &[Record]) -> anyhow::Result<String> {
    let mut report = Report::new("lab");
    for record in records {
        let mut suite = TestSuite::new(name(record));
        suite.set_time(Duration::from_millis(record.duration_ms));
        for check in record.shown() {
            suite.add_test_case(case(record, check));
        }
        report.add_test_suite(suite);
    }
    report.to_string().context("cannot write the report as XML")
}

fn name(record: &Record) -> String {
    match &record.submission {
        Some(submission) => format!("{submission} {}", record.exercise),
        None => record.exercise.clone(),
    }
}

fn case(record: &Record, check: &CheckRecord) -> TestCase {
    let mut status = match check.status {
        Status::Pass => TestCaseStatus::success(),
        Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Inconclusive | Status::Error => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        Status::Skipped => TestCaseStatus::skipped(),
    };
    if check.status != Status::Pass {
        status.set_message(check.actual.clone());
        status.set_description(
            format!("{}\n{}", record.message, explained(check)).trim_start(),
        );
    }
    let mut case = TestCase::new(check.title.clone(), status);
    case.set_classname(name(record));
    case.set_time(Duration::from_millis(check.duration_ms));
    case.extra.insert("file".into(), check.file.clone().into());
    if check.status != Status::Pass {
        case.set_system_out(explained_in_full(check));
    }
    case
}
