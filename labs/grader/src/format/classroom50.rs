//! Classroom 50: `result.json` with the schema `classroom50/result/v1`. Keys are in kebab
//! case and points are whole numbers. Classroom 50 stores unknown keys unchanged.

use super::explained;
use crate::record::{Record, Status};
use serde::Serialize;
use serde_json::{Value, json};

/// Values from the CI runner's environment.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// `CLASSROOM`.
    pub classroom: String,
    /// `ASSIGNMENT`; if it is empty, the exercise's id is used.
    pub assignment: String,
    /// `SUBMISSION_TAG`.
    pub tag: String,
    /// `COMMIT_URL`.
    pub commit: String,
    /// `RELEASE_URL`.
    pub release: String,
    /// `REVIEW_URL`.
    pub review: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Test {
    test_name: String,
    passed: bool,
    score: u32,
    max_score: u32,
    status: Status,
    message: String,
    seed: String,
}

/// The content of `result.json`.
#[must_use]
pub fn classroom50(record: &Record, submission: &Submission) -> Value {
    let tests: Vec<Test> = record
        .shown()
        .map(|check| Test {
            test_name: check.title.clone(),
            passed: check.status == Status::Pass,
            score: check.points,
            max_score: check.max_points,
            status: check.status,
            message: explained(check),
            seed: check.seed.to_string(),
        })
        .collect();
    let assignment = match submission.assignment.as_str() {
        "" => &record.exercise,
        given => given,
    };
    json!({
        "schema": "classroom50/result/v1",
        "classroom": submission.classroom,
        "assignment": assignment,
        "submission": submission.tag,
        "commit": submission.commit,
        "release": submission.release,
        "review": submission.review,
        "datetime": utc(record.started_at),
        "score": record.points,
        "max-score": record.max_points,
        "message": record.message,
        "restored": record.restored,
        "remarks": record.remarks,
        "tests": tests,
    })
}

/// Seconds since 1970 as `2026-11-21T09:00:00Z`.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Converts days since 1970 to year, month and day. It counts in 400-year cycles with
/// years that begin in March, so that the leap day is the last day of a year.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days + 2 * (day_of_era / 146_096)) / 365;
    let year_of_era = year_of_era.min(399);
    let before = year_of_era * 365 + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - before;
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date_and_a_time() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(utc(1_795_251_600), "2026-11-21T09:00:00Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
