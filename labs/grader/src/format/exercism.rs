//! Exercism's test runner interface, version 3. It has no inconclusive status: a check
//! without a result is an `error`, and so is a run that did not start.

use super::{at_most, explained, remarks_and_message};
use crate::record::{CheckRecord, Outcome, Record, Status};
use serde_json::{Value, json};
use std::mem;

/// Maximum length of a message, in bytes. Longer ones are rejected.
const MAX_MESSAGE_BYTES: usize = 65_535;

/// Maximum length of the program's output, in bytes.
const MAX_OUTPUT_BYTES: usize = 500;

/// The content of `results.json`.
#[must_use]
pub fn exercism(record: &Record) -> Value {
    let did_not_run = !record.message.is_empty();
    let status = match record.outcome {
        _ if did_not_run => "error",
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Inconclusive | Outcome::HarnessError => "error",
    };
    let text = remarks_and_message(record);
    let message = match status {
        "error" if !did_not_run => {
            Some(format!("{text}\nnot every check has a result").trim().to_owned())
        }
        "error" => Some(at_most(&text, MAX_MESSAGE_BYTES).to_owned()),
        _ => None,
    };
    // Only a result with status `error` may have a top-level message. Otherwise the first
    // failed test carries the remarks.
    let mut remarks = if message.is_none() { text } else { String::new() };
    let mut tests = Vec::new();
    for check in record.shown().filter(|_| !did_not_run) {
        let passed = check.status == Status::Pass;
        let before = if passed { String::new() } else { mem::take(&mut remarks) };
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
            Some(at_most(all.trim_start(), MAX_MESSAGE_BYTES).to_owned())
        }
    };
    json!({
        "name": check.title,
        "status": status,
        "message": message,
        "output": at_most(&check.log, MAX_OUTPUT_BYTES),
        "test_code": check.transcript.join("\n"),
        "task_id": check.task,
    })
}
