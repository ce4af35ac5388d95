//! Gradescope: `results.json`. Standard output is hidden, so that a program's output is
//! not taken for a result.

use super::{explained, explained_with_logs, remarks_and_message};
use crate::record::{Outcome, Record, Status};
use serde_json::{Value, json};

/// The content of `results.json`. After a harness error there is no result to report: the
/// caller should write no file, and Gradescope then shows an autograder failure.
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
            "output": if passed { explained(check) } else { explained_with_logs(check) },
            "extra_data": { "id": check.id, "seed": check.seed, "status": check.status },
        })
    };
    let tests: Vec<Value> = record.shown().enumerate().map(test).collect();
    let seconds = record.duration_ms.div_ceil(1000);
    json!({
        "score": record.points,
        "execution_time": seconds,
        "output": remarks_and_message(record),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "exercise": record.exercise,
            "seed": record.seed,
            "verdict": record.outcome,
            "restored": record.restored,
            "remarks": record.remarks,
            "complete": record.outcome != Outcome::Inconclusive,
        },
    })
}
