//! Each format is what its reader takes: the rules are those of the readers' own
//! documentation, written as assertions.

use grader::format::{Submission, classroom50, exercism, gradescope, junit, terminal};
use grader::record::verdict_of;
use grader::{CheckRecord, Record, Status, Verdict};
use serde_json::Value;

/// What tries to break out of every format.
pub(crate) const NASTY: &str = "a]]>\u{1}<b>&\"|`````\n::error::forged%0A, 100%";

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
        actual: NASTY.to_owned(),
        help: "look again".to_owned(),
        transcript: vec!["$ curl -sS http://127.0.0.1:1/".to_owned(), NASTY.to_owned()],
        log: NASTY.repeat(100),
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
        verdict: verdict_of(&checks),
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

/// An object with just these keys or fewer, and all of those that are required.
fn keys(value: &Value, required: &[&str], optional: &[&str]) {
    let object = value.as_object().expect("an object");
    for key in required {
        assert!(object.contains_key(*key), "{key} is required: {value}");
    }
    for key in object.keys().map(String::as_str) {
        assert!(required.contains(&key) || optional.contains(&key), "{key} is not known");
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
        "what a program prints is no result"
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
fn exercism_gets_a_message_for_whatever_did_not_pass_and_nothing_too_long() {
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
fn junit_says_everything_in_the_body_where_gitlab_reads_it() {
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

/// Whoever gives marks sees that something was restored, wherever they look.
#[test]
fn every_format_says_what_was_restored_and_remarked() {
    let says = |text: String| {
        assert!(text.contains("exercise.toml") && text.contains("two places"), "{text}");
    };
    let (all, mut unsure) = (record(), record());
    unsure.verdict = Verdict::Inconclusive;
    says(gradescope(&all)["output"].to_string());
    says(classroom50(&all, &Submission::default()).to_string());
    says(exercism(&all)["tests"][1]["message"].to_string());
    for error in [exercism(&unsure), exercism(&refused())] {
        says(error["message"].to_string());
    }
    says(terminal(&all, grader::format::Colour::No));
    let xml = junit(&[all]).unwrap();
    assert_eq!(xml.matches("two places").count(), 1 + 3, "suite, and what did not pass");
    says(xml);
}

#[test]
fn a_lab_that_broke_is_an_error_in_junit_and_not_an_empty_report() {
    let mut broken = refused();
    (broken.checks, broken.verdict) = (Vec::new(), Verdict::HarnessError);
    let xml = junit(&[broken]).unwrap();
    assert_eq!(xml.matches("<error").count(), 1, "{xml}");
}

#[test]
fn a_record_is_read_again_as_it_was_written() {
    let text = serde_json::to_string(&record()).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record());
}

#[test]
fn people_see_the_points_the_restored_files_and_how_to_see_it_again() {
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
fn the_verdict_on_all_follows_from_the_checks() {
    use Status::{Error, Fail, Inconclusive, Pass, Skipped};
    let verdict = |all: &[Status]| {
        let checks: Vec<_> = all.iter().map(|status| check("x", *status)).collect();
        verdict_of(&checks)
    };
    assert_eq!(verdict(&[Pass, Pass]), Verdict::Pass);
    assert_eq!(verdict(&[Pass, Fail, Skipped, Inconclusive]), Verdict::Fail);
    assert_eq!(verdict(&[Pass, Inconclusive, Skipped]), Verdict::Inconclusive);
    assert_eq!(verdict(&[Fail, Error]), Verdict::HarnessError);
    assert_eq!(verdict(&[]), Verdict::Inconclusive);
    assert_eq!(
        [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::HarnessError]
            .map(Verdict::code),
        [0, 1, 2, 3]
    );
}
