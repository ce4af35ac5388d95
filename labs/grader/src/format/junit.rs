//! JUnit XML. GitLab reads only the body of a failure, and of two cases of the same name
//! only the first, so each case carries its check's id.

use super::{beside, explained, explained_in_full, name};
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
        let beside = beside(record).join("\n");
        for check in record.shown() {
            suite.add_test_case(case(record, check, &beside));
        }
        if record.checks.is_empty() {
            suite.add_test_case(nothing_ran(record));
        }
        if !beside.is_empty() {
            suite.set_system_out(beside);
        }
        report.add_test_suite(suite);
    }
    report.to_string().context("cannot write the report as XML")
}

/// A report without a case would be shown as one in which nothing is wrong.
fn nothing_ran(record: &Record) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message("nothing was judged");
    status.set_description(record.message.clone());
    let mut case = TestCase::new("The exercise is judged", status);
    case.set_classname(name(record));
    case
}

/// Of what there is to know beside it, a reader may show the output of a case only.
fn case(record: &Record, check: &CheckRecord, beside: &str) -> TestCase {
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
        let all = format!("{beside}\n{}", explained_in_full(check));
        case.set_system_out(all.trim_start());
    }
    case
}
