//! Exercism's test runner interface, version 3. There is no "inconclusive" in it: a
//! check that could not be judged is an `error`, and a whole that did not run is one too.

use super::{about, at_most, explained};
use crate::record::{CheckRecord, Record, Status, Verdict};
use serde_json::{Value, json};
use std::mem;

/// Longer messages are not taken.
const LONGEST_MESSAGE: usize = 65_535;

/// What the program wrote, of which no more is shown.
const LONGEST_OUTPUT: usize = 500;

/// The content of `results.json`.
#[must_use]
pub fn exercism(record: &Record) -> Value {
    let did_not_run = !record.message.is_empty();
    let status = match record.verdict {
        _ if did_not_run => "error",
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive | Verdict::HarnessError => "error",
    };
    let about = about(record);
    let message = match status {
        "error" if !did_not_run => {
            Some(format!("{about}\nnot every check could be judged").trim().to_owned())
        }
        "error" => Some(at_most(&about, LONGEST_MESSAGE).to_owned()),
        _ => None,
    };
    // Only an error as a whole may have a message; otherwise the first test that has one
    // says what there is to know beside it.
    let mut beside = if message.is_none() { about } else { String::new() };
    let mut tests = Vec::new();
    for check in record.shown().filter(|_| !did_not_run) {
        let passed = check.status == Status::Pass;
        let before = if passed { String::new() } else { mem::take(&mut beside) };
        tests.push(test(check, &before));
    }
    json!({ "version": 3, "status": status, "message": message, "tests": tests })
}

fn test(check: &CheckRecord, before: &str) -> Value {
    let status = match check.status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Skipped | Status::Inconclusive | Status::Error => "error",
    };
    let message = match check.status {
        Status::Pass => None,
        _ => {
            let all = format!("{before}\n{}", explained(check));
            Some(at_most(all.trim_start(), LONGEST_MESSAGE).to_owned())
        }
    };
    json!({
        "name": check.title,
        "status": status,
        "message": message,
        "output": at_most(&check.log, LONGEST_OUTPUT),
        "test_code": check.transcript.join("\n"),
        "task_id": check.task,
    })
}
