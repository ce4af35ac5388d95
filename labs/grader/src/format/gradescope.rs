//! Gradescope: `results.json`. Standard output is hidden there, so that nothing a program
//! prints is taken for a result.

use super::{about, explained, explained_in_full};
use crate::record::{Record, Status, Verdict};
use serde_json::{Value, json};

/// The content of `results.json`. With a lab that broke there is nothing to mark, and the
/// caller should write no file: then it is an autograder failure there.
#[must_use]
pub fn gradescope(record: &Record) -> Value {
    let number = |task: usize, at: usize| format!("{task}.{at}");
    let test = |(at, check): (usize, &crate::record::CheckRecord)| {
        let passed = check.status == Status::Pass;
        json!({
            "name": check.title,
            "number": number(check.task, at + 1),
            "score": check.points,
            "max_score": check.max_points,
            "status": if passed { "passed" } else { "failed" },
            "visibility": "visible",
            "output": if passed { explained(check) } else { explained_in_full(check) },
            "extra_data": { "id": check.id, "seed": check.seed, "status": check.status },
        })
    };
    let tests: Vec<Value> = record.shown().enumerate().map(test).collect();
    let seconds = record.duration_ms.div_ceil(1000);
    json!({
        "score": record.points,
        "execution_time": seconds,
        "output": about(record),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "exercise": record.exercise,
            "seed": record.seed,
            "verdict": record.verdict,
            "restored": record.restored,
            "remarks": record.remarks,
            "complete": record.verdict != Verdict::Inconclusive,
        },
    })
}
