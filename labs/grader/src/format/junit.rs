//! JUnit XML. GitLab reads only the body of a failure, and only the first of two cases
//! with the same name.

use super::{explained, explained_with_logs, name, remarks};
use crate::record::{CheckRecord, Record, Status};
use crate::transcript::NOT_IN_XML;
use anyhow::Context;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// A report with a suite for each record.
///
/// # Errors
/// When a text cannot be encoded as XML.
pub fn junit(records: &[Record]) -> anyhow::Result<String> {
    let mut report = Report::new("lab");
    for record in records {
        let mut suite = TestSuite::new(name(record));
        suite.set_time(Duration::from_millis(record.duration_ms));
        let remarks = remarks(record).join("\n");
        for check in record.shown() {
            suite.add_test_case(case(record, check, &remarks));
        }
        if record.checks.is_empty() {
            suite.add_test_case(nothing_ran(record));
        }
        if !remarks.is_empty() {
            suite.set_system_out(remarks);
        }
        report.add_test_suite(suite);
    }
    let xml = report.to_string().context("cannot write the report as XML")?;
    // The library removes control characters only. One other such character would make the
    // whole report unreadable, and a record may come from a file.
    Ok(xml.replace(NOT_IN_XML, "\u{fffd}"))
}

/// A test case with an error. A report without cases would be shown as a success.
fn nothing_ran(record: &Record) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message("no check was run");
    status.set_description(record.message.clone());
    let mut case = TestCase::new("The checks are run", status);
    case.set_classname(name(record));
    case
}

/// One test case. Its output repeats the remarks, because some readers show no other
/// place.
fn case(record: &Record, check: &CheckRecord, remarks: &str) -> TestCase {
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
        let all = format!("{remarks}\n{}", explained_with_logs(check));
        case.set_system_out(all.trim_start());
    }
    case
}
