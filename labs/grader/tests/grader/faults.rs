//! Harness errors: they are not the program's failure, and earlier results are kept.

use crate::fixture::{
    CORRECT, Work, assignment, assignment_of_one_check, paths_with_target, sandbox_after,
};
use grader::{
    Assignment, CheckContext, CheckResult, Outcome, Record, Status, Suite, grade, suite,
};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const PANICS: Suite = suite!("x-01-double": it_is_doubled, it_is_doubled_after_a_crash);

async fn it_is_doubled(ctx: &CheckContext) -> CheckResult {
    let far = ctx.random_number(5, 6);
    assert!(far < 5, "{far} is beyond the end");
    Ok(())
}

async fn it_is_doubled_after_a_crash(ctx: &CheckContext) -> CheckResult {
    ctx.start(&[]).await.map(drop)
}

#[tokio::test]
async fn panic_in_one_check_does_not_affect_other_checks() {
    let work = Work::with(CORRECT);
    let mut assignment = Assignment { suite: PANICS, ..assignment(work.path()) };
    assignment.manifest.checks.truncate(2);
    assignment.manifest.checks[1].needs.clear();
    let record = grade(assignment).await;
    assert_eq!((record.outcome, record.outcome.code()), (Outcome::HarnessError, 3));
    let said = "the check it_is_doubled panicked: 5 is beyond the end";
    assert_eq!(record.checks[0].actual, said);
    assert_eq!(record.checks[0].status, Status::Error);
    assert_eq!(record.checks[1].status, Status::Pass, "{record:#?}");
}

/// A target folder for one test.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

async fn built_in(target: &Path, work: &Work) -> Record {
    let mut assignment = assignment(work.path());
    assignment.paths = paths_with_target(target);
    grade(assignment).await
}

#[tokio::test]
async fn missing_linker_is_a_harness_error_and_is_recoverable() {
    let (target, work) = (folder(), Work::with(CORRECT));
    assert_eq!(built_in(target.path(), &work).await.outcome, Outcome::Pass);
    let settings = target.path().join(".cargo");
    fs::create_dir(&settings).unwrap();
    let linker = "[target.'cfg(all())']\nrustflags = [\"-Clinker=/nowhere/ld\"]\n";
    fs::write(settings.join("config.toml"), linker).unwrap();
    for reason in ["cargo could not build x-01-double", "the starter of x-01-double"] {
        let record = built_in(target.path(), &work).await;
        assert_eq!(record.outcome, Outcome::HarnessError, "{}", record.message);
        assert!(record.message.contains(reason), "{}", record.message);
        assert!(record.message.contains("linker `/nowhere/ld` not found"));
    }
    fs::remove_dir_all(settings).unwrap();
    assert_eq!(built_in(target.path(), &work).await.outcome, Outcome::Pass);
}

#[tokio::test]
async fn non_executable_program_is_a_harness_error() {
    let work = Work::with(CORRECT);
    for spoilt in ["chmod a-x \"$4\"", "echo no program >\"$4\""] {
        let mut assignment = assignment(work.path());
        assignment.sandbox =
            sandbox_after(&format!("case \"$4\" in cargo) ;; *) {spoilt} ;; esac"));
        let record = grade(assignment).await;
        assert_eq!(record.outcome, Outcome::HarnessError, "{spoilt}: {record:#?}");
        let said = &record.checks[0].actual;
        assert!(said.contains("the program cannot be run here"), "{said}");
    }
}

/// The rest of a class waits for each build.
#[tokio::test]
async fn only_the_build_of_dependencies_has_a_long_timeout() {
    let (target, work) = (folder(), Work::with(CORRECT));
    let times = target.path().join("times");
    let (own, seen) = ("*--offline*", times.display());
    let mut assignment = assignment_of_one_check(work.path(), PANICS);
    assignment.paths = paths_with_target(target.path());
    // 105 is the sandbox's exit code for an exceeded time limit.
    assignment.sandbox = sandbox_after(&format!(
        "echo \"$3\" >>'{seen}'; case \"$*\" in {own}) exit 105 ;; esac"
    ));
    let record = grade(assignment).await;
    assert_eq!(fs::read_to_string(times).unwrap(), "600000\n120000\n");
    assert_eq!(record.outcome, Outcome::Inconclusive, "{}", record.message);
    assert!(record.message.contains("not built within 120 s"), "{}", record.message);
    assert_eq!(record.checks[0].status, Status::Inconclusive);
}
