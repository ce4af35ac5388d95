//! Each format follows the documentation of the system that reads it.

use grader::format::{Submission, classroom50, exercism, gradescope, junit, terminal};
use grader::record::outcome_of;
use grader::{CheckRecord, Outcome, Record, Status};
use serde_json::Value;

/// Text with the special characters of every format.
pub(crate) const SPECIAL_CHARACTERS: &str =
    "a]]>\u{1}<b>&\"|`````\n::error::forged%0A, 100%";

pub(crate) fn check(id: &str, status: Status) -> CheckRecord {
    let points = if status == Status::Pass { 3 } else { 0 };
    CheckRecord {
        id: id.to_owned(),
        title: format!("Check {id}: one, two"),
        task: 1,
        status,
        points,
        max_points: 3,
        expected: "status 200".to_owned(),
        actual: SPECIAL_CHARACTERS.to_owned(),
        help: "look again".to_owned(),
        transcript: vec![
            "$ curl -sS http://127.0.0.1:1/".to_owned(),
            SPECIAL_CHARACTERS.to_owned(),
        ],
        log: SPECIAL_CHARACTERS.repeat(100),
        seed: 41,
        rerun: "cargo lab grade p1-01 --seed 41 --repeat 1".to_owned(),
        duration_ms: 5210,
        requests: 3,
        p99_ms: 4.2,
        quiet: false,
        file: "p1-01-life-of-a-session/src/sessions.rs".to_owned(),
    }
}

pub(crate) fn record() -> Record {
    let all = [
        ("holds", Status::Pass),
        ("fails", Status::Fail),
        ("skipped", Status::Skipped),
        ("unsure", Status::Inconclusive),
    ];
    let checks: Vec<_> = all.map(|(id, status)| check(id, status)).to_vec();
    Record {
        exercise: "p1-01-life-of-a-session".to_owned(),
        title: "The life of a session".to_owned(),
        submission: None,
        seed: 41,
        started_at: 1_795_251_600,
        duration_ms: 41_000,
        outcome: outcome_of(&checks),
        points: 3,
        max_points: 12,
        restored: vec!["exercise.toml".to_owned()],
        remarks: vec!["two places".to_owned()],
        message: String::new(),
        checks,
    }
}

pub(crate) fn refused() -> Record {
    let mut record = record();
    record.message = format!("it does not compile:\n{}", "x".repeat(70_000));
    record
}

/// Asserts that an object has all required keys and no unknown ones.
fn keys(value: &Value, required: &[&str], optional: &[&str]) {
    let object = value.as_object().expect("an object");
    for key in required {
        assert!(object.contains_key(*key), "{key} is required: {value}");
    }
    for key in object.keys().map(String::as_str) {
        assert!(required.contains(&key) || optional.contains(&key), "unknown key {key}");
    }
}

fn tests(value: &Value) -> &Vec<Value> {
    value["tests"].as_array().expect("a list of tests")
}

#[test]
fn classroom50_gets_whole_points_in_kebab_case() {
    let result = classroom50(&record(), &Submission::default());
    let required = [
        "schema",
        "classroom",
        "assignment",
        "submission",
        "commit",
        "release",
        "review",
        "datetime",
        "score",
        "max-score",
        "tests",
    ];
    keys(&result, &required, &["message", "restored", "remarks"]);
    assert_eq!(result["schema"], "classroom50/result/v1");
    assert_eq!(result["datetime"], "2026-11-21T09:00:00Z");
    assert_eq!((&result["score"], &result["max-score"]), (&3.into(), &12.into()));
    let mut sum = 0;
    for test in tests(&result) {
        let more = ["message", "seed", "status"];
        keys(test, &["test-name", "passed", "score", "max-score"], &more);
        assert!(test["passed"].is_boolean() && test["test-name"].is_string());
        assert!(test["score"].is_u64() && test["max-score"].is_u64(), "whole numbers");
        sum += test["score"].as_u64().unwrap();
    }
    assert_eq!(result["score"], sum);
}

#[test]
fn gradescope_gets_its_known_values_only() {
    let result = gradescope(&record());
    let optional = [
        "score",
        "execution_time",
        "output",
        "visibility",
        "stdout_visibility",
        "extra_data",
        "leaderboard",
    ];
    keys(&result, &["tests"], &optional);
    let visible = ["visible", "hidden", "after_due_date", "after_published"];
    for at in ["visibility", "stdout_visibility"] {
        assert!(visible.contains(&result[at].as_str().unwrap()));
    }
    assert_eq!(
        result["stdout_visibility"], "hidden",
        "a program's output is not a result"
    );
    for test in tests(&result) {
        let optional = [
            "score",
            "max_score",
            "name",
            "number",
            "output",
            "tags",
            "visibility",
            "extra_data",
            "status",
        ];
        keys(test, &[], &optional);
        assert!(["passed", "failed"].contains(&test["status"].as_str().unwrap()));
        assert!(test["score"].is_number() && test["number"].is_string());
        assert!(visible.contains(&test["visibility"].as_str().unwrap()));
    }
}

#[test]
fn exercism_messages_exist_for_failures_and_are_limited() {
    let result = exercism(&record());
    keys(&result, &["version", "status", "tests"], &["message"]);
    assert_eq!((&result["version"], &result["status"]), (&3.into(), &"fail".into()));
    for test in tests(&result) {
        keys(test, &["name", "status"], &["message", "output", "test_code", "task_id"]);
        let status = test["status"].as_str().unwrap();
        assert!(["pass", "fail", "error"].contains(&status));
        assert_eq!(test["message"].is_string(), status != "pass");
        assert!(test["output"].as_str().unwrap().len() <= 500);
        assert!(test["task_id"].as_u64().unwrap() > 0);
    }
    let names: Vec<_> = tests(&result).iter().map(|test| test["name"].as_str()).collect();
    assert!(
        names[0].unwrap().contains("holds"),
        "in the order of the manifest: {names:?}"
    );
}

#[test]
fn exercism_calls_it_an_error_when_no_test_ran() {
    let result = exercism(&refused());
    assert_eq!(result["status"], "error");
    assert!(result["message"].as_str().unwrap().len() <= 65_535);
    assert!(tests(&result).is_empty());
}

#[test]
fn junit_body_contains_the_complete_explanation() {
    let xml = junit(&[record()]).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), 4);
    assert_eq!(xml.matches("<failure").count(), 1);
    assert_eq!(xml.matches("<error").count(), 1);
    assert_eq!(xml.matches("<skipped").count(), 1);
    assert!(xml.contains("classname=\"p1-01-life-of-a-session\""), "{xml}");
    assert!(xml.contains("file=\"p1-01-life-of-a-session/src/sessions.rs\""), "{xml}");
    assert!(xml.contains("expected: status 200"), "{xml}");
    assert!(!xml.contains('\u{1}') && !xml.contains("<b>"), "not XML: {xml}");
}

/// The definition of a character in XML 1.0.
const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}')
        || matches!(c, '\u{e000}'..='\u{fffd}' | '\u{10000}'..=char::MAX)
}

#[test]
fn junit_contains_only_characters_of_xml() {
    let text = "a\u{fffe}b\u{ffff}c\u{0}\u{b}\u{1b}\u{7f}\u{85}\u{9b}d\u{1ffff}";
    let mut record = record();
    record.submission = Some(text.to_owned());
    record.remarks.push(text.to_owned());
    for check in &mut record.checks {
        for field in [&mut check.actual, &mut check.log, &mut check.title] {
            text.clone_into(field);
        }
        check.transcript.push(text.to_owned());
    }
    let mut broken = record.clone();
    (broken.checks, broken.message) = (Vec::new(), text.to_owned());
    let xml = junit(&[record, broken]).unwrap();
    let wrong: Vec<_> = xml.chars().filter(|c| !is_xml_char(*c)).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {xml}");
    assert!(xml.contains("a\u{fffd}b\u{fffd}c"), "{xml}");
}

/// The grading person must see restored files in every format.
#[test]
fn every_format_shows_restored_files_and_remarks() {
    let says = |text: String| {
        assert!(text.contains("exercise.toml") && text.contains("two places"), "{text}");
    };
    let (all, mut unsure) = (record(), record());
    unsure.outcome = Outcome::Inconclusive;
    says(gradescope(&all)["output"].to_string());
    says(classroom50(&all, &Submission::default()).to_string());
    says(exercism(&all)["tests"][1]["message"].to_string());
    for error in [exercism(&unsure), exercism(&refused())] {
        says(error["message"].to_string());
    }
    says(terminal(&all, grader::format::Colour::No));
    let xml = junit(&[all]).unwrap();
    assert_eq!(
        xml.matches("two places").count(),
        1 + 3,
        "the suite and each check that did not pass"
    );
    says(xml);
}

#[test]
fn harness_error_is_an_error_case_in_junit() {
    let mut broken = refused();
    (broken.checks, broken.outcome) = (Vec::new(), Outcome::HarnessError);
    let xml = junit(&[broken]).unwrap();
    assert_eq!(xml.matches("<error").count(), 1, "{xml}");
}

#[test]
fn record_round_trips_through_json() {
    let text = serde_json::to_string(&record()).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record());
}

#[test]
fn terminal_shows_points_restored_files_and_the_rerun_command() {
    let text = terminal(&record(), grader::format::Colour::No);
    for part in ["✔ Check holds", "✘ Check fails", "- Check skipped", "? Check unsure"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("fail: 3 of 12 points, 41.0 s"), "{text}");
    assert!(
        text.contains("again:    cargo lab grade p1-01 --seed 41 --repeat 1"),
        "{text}"
    );
    assert!(text.contains("exercise.toml"), "{text}");
}

#[test]
fn outcome_of_a_record_follows_from_its_checks() {
    use Status::{Error, Fail, Inconclusive, Pass, Skipped};
    let outcome = |all: &[Status]| {
        let checks: Vec<_> = all.iter().map(|status| check("x", *status)).collect();
        outcome_of(&checks)
    };
    assert_eq!(outcome(&[Pass, Pass]), Outcome::Pass);
    assert_eq!(outcome(&[Pass, Fail, Skipped, Inconclusive]), Outcome::Fail);
    assert_eq!(outcome(&[Pass, Inconclusive, Skipped]), Outcome::Inconclusive);
    assert_eq!(outcome(&[Fail, Error]), Outcome::HarnessError);
    assert_eq!(outcome(&[]), Outcome::Inconclusive);
    assert_eq!(
        [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive, Outcome::HarnessError]
            .map(Outcome::code),
        [0, 1, 4, 3]
    );
}
