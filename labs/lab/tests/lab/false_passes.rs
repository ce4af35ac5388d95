//! Wrong answers that once passed: each is failed by the check that was added for it, and the
//! solution passes that check.

use crate::judging::BUILD_TIMEOUT;
use crate::judging::copy;
use grader::author::WrongAnswer;
use grader::{Assignment, LabPaths, Outcome, Program, Record, grade};
use std::path::Path;
use std::sync::LazyLock;

/// Exercise, check, and the wrong answers that this check fails.
const FALSE_PASSES: [(&str, &str, &[&str]); 4] = [
    (
        "p1-02-credential-on-every-request",
        "failed_logins_are_indistinguishable",
        &["unknown-names-are-refused-faster", "a-random-sleep-hides-the-missing-hash"],
    ),
    (
        "p1-02-credential-on-every-request",
        "token_does_not_choose_its_algorithm",
        &["the-algorithm-is-compared-without-case", "an-empty-crit-is-accepted"],
    ),
    (
        "p1-02-credential-on-every-request",
        "token_with_a_missing_claim_is_refused",
        &["a-token-without-iat-is-accepted", "a-token-without-sub-is-accepted"],
    ),
    (
        "p2-02-no-lost-updates",
        "killed_replica_blocks_no_update",
        &["a-lock-that-outlives-its-replica"],
    ),
];

static PATHS: LazyLock<LabPaths> =
    LazyLock::new(|| LabPaths::here().expect("the repository"));

/// Grades with one run of one check.
async fn graded(exercise: &str, check: &str, work: &Path) -> Record {
    let mut manifest = PATHS.manifest(exercise).expect("a manifest");
    manifest.checks.retain(|entry| entry.id == check);
    assert_eq!(manifest.checks.len(), 1, "{exercise} has no check {check}");
    manifest.checks[0].needs.clear();
    let path = env!("CARGO_BIN_EXE_lab").into();
    grade(Assignment {
        paths: PATHS.clone(),
        suite: checks::suite(exercise).expect("a suite"),
        manifest,
        work: Some(work.to_owned()),
        sandbox: Program { path, prefix: vec!["sandbox".into()] },
        seed: 3,
        repeat: 1,
        stops_early: false,
    })
    .await
}

#[tokio::test]
async fn wrong_answers_that_passed_are_failed() {
    for (exercise, check, answers) in FALSE_PASSES {
        for name in answers {
            let work = tempfile::tempdir().expect("a folder");
            let folder = work.path().join(exercise);
            copy(&PATHS.exercises().join(exercise), &folder);
            let answer = WrongAnswer::named(&PATHS, exercise, name);
            answer.export(&folder).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            let record = graded(exercise, check, work.path()).await;
            assert_eq!(record.outcome, Outcome::Fail, "{name}: {record:#?}");
        }
    }
}

/// A busy machine may make a result inconclusive, never a failure.
#[tokio::test]
async fn solutions_pass_the_checks_against_false_passes() {
    let started = std::time::Instant::now();
    for (exercise, check, _) in FALSE_PASSES {
        let work = tempfile::tempdir().expect("a folder");
        let folder = work.path().join(exercise);
        copy(&PATHS.exercises().join(exercise), &folder);
        copy(&PATHS.solution(exercise), &folder);
        let mut record = graded(exercise, check, work.path()).await;
        while record.outcome == Outcome::Inconclusive && started.elapsed() < BUILD_TIMEOUT
        {
            record = graded(exercise, check, work.path()).await;
        }
        assert_eq!(record.outcome, Outcome::Pass, "{check}: {record:#?}");
    }
}
