//! The author's check reports defects of an exercise.

use crate::fixture::{CORRECT, ID, SUITE, copy, sandbox};
use grader::Home;
use grader::author::{Proof, rehearse};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

/// An exercise with its solution and wrong answers.
struct TestExercise(TempDir);

impl TestExercise {
    fn complete() -> Self {
        let exercise = Self(tempfile::tempdir().unwrap());
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
        copy(&fixture, exercise.path());
        exercise.write(&format!("solutions/{ID}/src/answer.rs"), CORRECT);
        for (name, factor) in [("threefold", "* 3"), ("nothing", "* 0")] {
            let mistake = format!("wrong-answers/{ID}/{name}");
            exercise.write(
                &format!("{mistake}/src/answer.rs"),
                &CORRECT.replace("* 2", factor),
            );
            let stated = "fails = \"it_is_doubled\"\nbecause = \"200\"\n";
            exercise.write(&format!("{mistake}/mistake.toml"), stated);
        }
        exercise
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// The problems that the author's check reports.
    async fn problems(&self, record: bool) -> Vec<String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
        let home = Home::at(self.path(), &target).unwrap();
        let manifest = match home.manifest(ID) {
            Ok(manifest) => manifest,
            Err(error) => return vec![format!("{error:#}")],
        };
        let (sandbox, require_solutions) = (sandbox(), true);
        let proof =
            Proof { home, sandbox, seed: 3, repeat: 2, require_solutions, record };
        let wrong = Mutex::new(Vec::new());
        let all_well = proof
            .of(&manifest, SUITE, |finding| {
                let what =
                    finding.wrong.as_ref().map(|why| format!("{}: {why}", finding.what));
                wrong.lock().unwrap().extend(what);
            })
            .await;
        let wrong = wrong.into_inner().unwrap();
        assert_eq!(all_well, wrong.is_empty());
        wrong
    }
}

#[tokio::test]
async fn a_complete_exercise_passes_and_its_transcripts_are_recorded() {
    let exercise = TestExercise::complete();
    assert_eq!(exercise.problems(true).await, [""; 0]);
    let golden =
        exercise.path().join(format!("wrong-answers/{ID}/nothing/transcript.txt"));
    let golden = fs::read_to_string(golden).unwrap();
    assert!(golden.starts_with("✘ It is doubled\n    started replica r1 at"), "{golden}");
    assert!(golden.contains("127.0.0.1:<port>/"), "{golden}");
    assert_eq!(exercise.problems(false).await, [""; 0], "the next run is equal");
}

#[tokio::test]
async fn author_check_reports_every_defect() {
    let exercise = TestExercise::complete();
    exercise.problems(true).await;
    exercise.change(
        &format!("wrong-answers/{ID}/nothing/transcript.txt"),
        "actual:",
        "was:",
    );
    exercise.write(&format!("wrong-answers/{ID}/threefold/src/answer.rs"), CORRECT);
    exercise.change(&format!("exercises/{ID}/README.md"), "3 points", "4 points");
    exercise.write(&format!("exercises/{ID}/src/answer.rs"), CORRECT);
    let wrong = exercise.problems(false).await;
    let begins = |start: &str| wrong.iter().any(|one| one.starts_with(start));
    assert!(begins("the README lists the checks"), "{wrong:#?}");
    assert!(begins("the starter exists and contains a TODO"), "{wrong:#?}");
    assert!(begins("the starter fails for the stated reason: got: pass"), "{wrong:#?}");
    assert!(begins("caught and explained: threefold: got: pass"), "{wrong:#?}");
    assert!(
        begins("caught and explained: nothing: the transcript differs"),
        "{wrong:#?}"
    );
    assert_eq!(wrong.len(), 5, "{wrong:#?}");
}

#[tokio::test]
async fn author_check_reports_a_wrong_or_missing_solution() {
    let exercise = TestExercise::complete();
    exercise.problems(true).await;
    exercise
        .write(&format!("solutions/{ID}/src/answer.rs"), &CORRECT.replace("* 2", "* 4"));
    let wrong = exercise.problems(false).await;
    assert!(
        wrong[0].starts_with("the solution passes with 2 seeds: got: fail"),
        "{wrong:#?}"
    );
    fs::remove_dir_all(exercise.path().join("solutions")).unwrap();
    let wrong = exercise.problems(false).await;
    assert!(wrong[0].starts_with("the solution exists"), "{wrong:#?}");
}

#[tokio::test]
async fn inconsistent_manifest_is_rejected() {
    let exercise = TestExercise::complete();
    exercise.change(
        &format!("exercises/{ID}/exercise.toml"),
        "needs = [\"it_is",
        "needs = [\"not_is",
    );
    let wrong = exercise.problems(false).await;
    assert!(wrong[0].contains("which does not precede it"), "{wrong:#?}");
}

#[test]
fn generated_submissions_are_all_different() {
    let exercise = TestExercise::complete();
    let home = Home::at(exercise.path(), &exercise.path().join("target")).unwrap();
    let (manifest, class) = (home.manifest(ID).unwrap(), exercise.path().join("class"));
    let names = rehearse(&home, &manifest, 5, &class).unwrap();
    let expected =
        ["01-solution", "02-starter", "03-nothing", "04-threefold", "05-solution"];
    assert_eq!(names, expected);
    let found = grader::class::submissions(&class, &home, &manifest).unwrap();
    let answers: BTreeSet<_> = found
        .iter()
        .map(|one| one.found.work.as_ref().unwrap().join(ID).join("src/answer.rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(answers.len(), 5);
    assert!(
        rehearse(&home, &manifest, 5, &class).is_err(),
        "existing folders are not overwritten"
    );
}

/// An empty reason would match any failure.
#[tokio::test]
async fn empty_reason_is_rejected() {
    let exercise = TestExercise::complete();
    exercise.problems(true).await;
    exercise.change(
        &format!("wrong-answers/{ID}/nothing/mistake.toml"),
        "because = \"200\"",
        "because = \"\"",
    );
    let wrong = exercise.problems(false).await;
    let [one] = wrong.as_slice() else { panic!("{wrong:#?}") };
    assert!(
        one.starts_with("caught and explained: nothing: \"because\" is empty"),
        "{one}"
    );
    exercise.change(
        &format!("exercises/{ID}/exercise.toml"),
        "because = \"expected\"",
        "because = \" \"",
    );
    let wrong = exercise.problems(false).await;
    assert!(wrong[0].contains("the starter's \"because\" is empty"), "{wrong:#?}");
}
