//! The lab itself breaks, in the ways in which machines and checks do: that is nobody's
//! failure, and what was found out before is not lost.

use crate::fixture::{
    RIGHT, Work, assignment, assignment_of_one_check, cage_after, home_that_builds_in,
};
use grader::{Assignment, Exam, Outcome, Record, Status, Suite, Verdict, grade, suite};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const PANICS: Suite = suite!("x-01-double": it_is_doubled, it_is_doubled_after_a_crash);

async fn it_is_doubled(exam: &Exam) -> Outcome {
    let far = exam.number(5, 6);
    assert!(far < 5, "{far} is beyond the end");
    Ok(())
}

async fn it_is_doubled_after_a_crash(exam: &Exam) -> Outcome {
    exam.start(&[]).await.map(drop)
}

#[tokio::test]
async fn a_check_that_panics_is_named_and_takes_no_other_along() {
    let work = Work::with(RIGHT);
    let mut assignment = Assignment { suite: PANICS, ..assignment(work.path()) };
    assignment.manifest.checks.truncate(2);
    assignment.manifest.checks[1].needs.clear();
    let record = grade(assignment).await;
    assert_eq!((record.verdict, record.verdict.code()), (Verdict::HarnessError, 3));
    let said = "the check it_is_doubled panicked: 5 is beyond the end";
    assert_eq!(record.checks[0].actual, said);
    assert_eq!(record.checks[0].status, Status::Error);
    assert_eq!(record.checks[1].status, Status::Pass, "{record:#?}");
}

/// A folder to build in that no other test builds in.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

async fn built_in(target: &Path, work: &Work) -> Record {
    let mut assignment = assignment(work.path());
    assignment.home = home_that_builds_in(target);
    grade(assignment).await
}

#[tokio::test]
async fn a_linker_that_is_missing_is_the_labs_fault_and_leaves_nothing_behind() {
    let (target, work) = (folder(), Work::with(RIGHT));
    assert_eq!(built_in(target.path(), &work).await.verdict, Verdict::Pass);
    let settings = target.path().join(".cargo");
    fs::create_dir(&settings).unwrap();
    let linker = "[target.'cfg(all())']\nrustflags = [\"-Clinker=/nowhere/ld\"]\n";
    fs::write(settings.join("config.toml"), linker).unwrap();
    for whose in ["cargo could not build x-01-double", "the starter of x-01-double"] {
        let record = built_in(target.path(), &work).await;
        assert_eq!(record.verdict, Verdict::HarnessError, "{}", record.message);
        assert!(record.message.contains(whose), "{}", record.message);
        assert!(record.message.contains("linker `/nowhere/ld` not found"));
    }
    fs::remove_dir_all(settings).unwrap();
    assert_eq!(built_in(target.path(), &work).await.verdict, Verdict::Pass);
}

#[tokio::test]
async fn a_program_that_this_machine_does_not_run_is_the_labs_fault() {
    let work = Work::with(RIGHT);
    for spoilt in ["chmod a-x \"$4\"", "echo no program >\"$4\""] {
        let mut assignment = assignment(work.path());
        assignment.cage =
            cage_after(&format!("case \"$4\" in cargo) ;; *) {spoilt} ;; esac"));
        let record = grade(assignment).await;
        assert_eq!(record.verdict, Verdict::HarnessError, "{spoilt}: {record:#?}");
        let said = &record.checks[0].actual;
        assert!(said.contains("the program cannot be run here"), "{said}");
    }
}

/// The others of a class wait for it.
#[tokio::test]
async fn only_what_all_depend_on_may_take_long_to_build() {
    let (target, work) = (folder(), Work::with(RIGHT));
    let times = target.path().join("times");
    let (own, seen) = ("*--offline*", times.display());
    let mut assignment = assignment_of_one_check(work.path(), PANICS);
    assignment.home = home_that_builds_in(target.path());
    // 105 is how a cage says that the time was over.
    assignment.cage = cage_after(&format!(
        "echo \"$3\" >>'{seen}'; case \"$*\" in {own}) exit 105 ;; esac"
    ));
    let record = grade(assignment).await;
    assert_eq!(fs::read_to_string(times).unwrap(), "600000\n120000\n");
    assert_eq!(record.verdict, Verdict::Inconclusive, "{}", record.message);
    assert!(record.message.contains("not built within 120 s"), "{}", record.message);
    assert_eq!(record.checks[0].status, Status::Inconclusive);
}
