//! The author's check of an exercise finds its defects.

use crate::fixture::{CORRECT, ID, SUITE, Work, copy, sandbox};
use grader::LabPaths;
use grader::author::{AuthorCheck, WrongAnswer, make_sample_class};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

/// A folder with an exercise, its solution and two wrong answers.
struct Labs(TempDir);

impl Labs {
    fn complete() -> Self {
        let labs = Self(tempfile::tempdir().unwrap());
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
        copy(&fixture, labs.path());
        labs.write(&format!("solutions/{ID}/src/answer.rs"), CORRECT);
        for (name, factor) in [("threefold", "* 3"), ("nothing", "* 0")] {
            labs.write(
                &format!("edited/{name}/src/answer.rs"),
                &CORRECT.replace("* 2", factor),
            );
            let edited = labs.path().join("edited").join(name);
            WrongAnswer::named(&labs.paths(), ID, name).save(&edited).unwrap();
            let expected = "fails = \"it_is_doubled\"\nbecause = \"200\"\n";
            labs.write(&format!("wrong-answers/{ID}/{name}/mistake.toml"), expected);
        }
        labs
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

    fn paths(&self) -> LabPaths {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
        LabPaths::at(self.path(), &target).unwrap()
    }

    /// The properties that do not hold, with the reason.
    async fn failures(&self, record: bool) -> Vec<String> {
        let paths = self.paths();
        let manifest = match paths.manifest(ID) {
            Ok(manifest) => manifest,
            Err(error) => return vec![format!("{error:#}")],
        };
        let (sandbox, require_solutions) = (sandbox(), true);
        let check =
            AuthorCheck { paths, sandbox, seed: 3, repeat: 2, require_solutions, record };
        let failures = Mutex::new(Vec::new());
        let all_hold = check
            .run(&manifest, SUITE, |result| {
                let failure = result.failure.as_ref();
                let failure = failure.map(|why| format!("{}: {why}", result.property));
                failures.lock().unwrap().extend(failure);
            })
            .await;
        let failures = failures.into_inner().unwrap();
        assert_eq!(all_hold, failures.is_empty());
        failures
    }
}

#[tokio::test]
async fn complete_exercise_passes_and_its_transcripts_are_kept() {
    let labs = Labs::complete();
    assert_eq!(labs.failures(true).await, [""; 0]);
    let golden = labs.path().join(format!("wrong-answers/{ID}/nothing/transcript.txt"));
    let golden = fs::read_to_string(golden).unwrap();
    assert!(golden.starts_with("✘ It is doubled\n    started replica r1 at"), "{golden}");
    assert!(golden.contains("127.0.0.1:<port>/"), "{golden}");
    assert_eq!(
        labs.failures(false).await,
        [""; 0],
        "the next run gives the same transcripts"
    );
}

#[tokio::test]
async fn defects_of_exercise_are_reported() {
    let labs = Labs::complete();
    labs.failures(true).await;
    labs.change(&format!("wrong-answers/{ID}/nothing/transcript.txt"), "actual:", "was:");
    labs.change(&format!("wrong-answers/{ID}/threefold/answer.patch"), "* 3", "* 2 * 1");
    labs.change(&format!("exercises/{ID}/README.md"), "3 points", "4 points");
    labs.write(&format!("exercises/{ID}/src/answer.rs"), CORRECT);
    let failures = labs.failures(false).await;
    let begins = |start: &str| failures.iter().any(|failure| failure.starts_with(start));
    assert!(begins("the README lists the checks"), "{failures:#?}");
    assert!(begins("the starter exists and has a TODO"), "{failures:#?}");
    assert!(
        begins("the starter fails for the stated reason: got: pass"),
        "{failures:#?}"
    );
    assert!(
        begins("wrong answer fails as expected: threefold: got: pass"),
        "{failures:#?}"
    );
    assert!(
        begins("wrong answer fails as expected: nothing: the transcript differs"),
        "{failures:#?}"
    );
    assert_eq!(failures.len(), 5, "{failures:#?}");
}

/// A comment in the starter must not earn the points of checks that it passes anyway.
#[tokio::test]
async fn points_of_the_starter_need_another_passed_check() {
    let labs = Labs::complete();
    let manifest = format!("exercises/{ID}/exercise.toml");
    let small = "if number < 1000 { number * 2 } else { 0 }";
    let body =
        format!("let number: u64 = number.parse().unwrap_or(0);\n({small}).to_string()");
    let starter = CORRECT.replace(
        "(number.parse::<u64>().unwrap_or_default() * 2).to_string()",
        &format!("// TODO\n{body}"),
    );
    labs.write(&format!("exercises/{ID}/src/answer.rs"), &starter);
    labs.change(
        &manifest,
        "fails = \"it_is_doubled\"",
        "fails = \"it_is_doubled_and_not_looked_up\"",
    );
    let failures = labs.failures(true).await;
    let listed =
        "it passes {\"it_is_doubled\", \"it_is_doubled_after_a_crash\"}: list them";
    assert!(failures.iter().any(|failure| failure.contains(listed)), "{failures:#?}");

    let passes = "passes = [\"it_is_doubled\", \"it_is_doubled_after_a_crash\"]\n";
    labs.change(
        &manifest,
        "because = \"expected\"\n",
        &format!("because = \"expected\"\n{passes}"),
    );
    assert_eq!(labs.failures(true).await, [""; 0]);
    let points = async |answer: &str| {
        let work = Work::with(answer);
        let mut assignment = crate::fixture::assignment(work.path());
        assignment.manifest = labs.paths().manifest(ID).unwrap();
        let record = grader::grade(assignment).await;
        (record.points, record.remarks.is_empty())
    };
    assert_eq!(points(&format!("{starter}// mine\n")).await, (0, false));
    assert_eq!(points(CORRECT).await, (5, true));
}

#[tokio::test]
async fn wrong_or_missing_solution_is_reported() {
    let labs = Labs::complete();
    labs.failures(true).await;
    labs.write(&format!("solutions/{ID}/src/answer.rs"), &CORRECT.replace("* 2", "* 4"));
    let failures = labs.failures(false).await;
    assert!(
        failures[0].starts_with("the solution passes (2 seeds): got: fail"),
        "{failures:#?}"
    );
    fs::remove_dir_all(labs.path().join("solutions")).unwrap();
    let failures = labs.failures(false).await;
    assert!(failures[0].starts_with("the solution exists"), "{failures:#?}");
}

#[tokio::test]
async fn contradictory_manifest_is_rejected() {
    let labs = Labs::complete();
    labs.change(
        &format!("exercises/{ID}/exercise.toml"),
        "needs = [\"it_is",
        "needs = [\"not_is",
    );
    let failures = labs.failures(false).await;
    assert!(failures[0].contains("which does not precede it"), "{failures:#?}");
}

#[test]
fn submissions_of_sample_class_differ() {
    let labs = Labs::complete();
    let paths = labs.paths();
    let (manifest, class) = (paths.manifest(ID).unwrap(), labs.path().join("class"));
    let names = make_sample_class(&paths, &manifest, 5, &class).unwrap();
    let expected =
        ["01-solution", "02-starter", "03-nothing", "04-threefold", "05-solution"];
    assert_eq!(names, expected);
    let found = grader::class::submissions(&class, &paths, &manifest).unwrap();
    let answers: BTreeSet<_> = found
        .iter()
        .map(|submission| {
            submission.found.work.as_ref().unwrap().join(ID).join("src/answer.rs")
        })
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    assert_eq!(answers.len(), 5);
    assert!(
        make_sample_class(&paths, &manifest, 5, &class).is_err(),
        "an existing folder is not overwritten"
    );
}

/// Every failure contains the empty text.
#[tokio::test]
async fn empty_reason_is_rejected() {
    let labs = Labs::complete();
    labs.failures(true).await;
    labs.change(
        &format!("wrong-answers/{ID}/nothing/mistake.toml"),
        "because = \"200\"",
        "because = \"\"",
    );
    let failures = labs.failures(false).await;
    let [failure] = failures.as_slice() else { panic!("{failures:#?}") };
    assert!(
        failure
            .starts_with("wrong answer fails as expected: nothing: \"because\" is empty"),
        "{failure}"
    );
    labs.change(
        &format!("exercises/{ID}/exercise.toml"),
        "because = \"expected\"",
        "because = \" \"",
    );
    let failures = labs.failures(false).await;
    assert!(failures[0].contains("the starter's \"because\" is empty"), "{failures:#?}");
}

#[tokio::test]
async fn patch_that_does_not_apply_names_wrong_answer_and_hunk() {
    let labs = Labs::complete();
    labs.failures(true).await;
    let patch = format!("wrong-answers/{ID}/nothing/answer.patch");
    let solution = format!("solutions/{ID}/src/answer.rs");
    labs.write(&solution, &CORRECT.replace("* 2", "+ number"));
    let failures = labs.failures(false).await;
    let expected = format!(
        "{patch}: the patch does not apply to the solution's src/answer.rs: error applying hunk #1"
    );
    assert!(failures.iter().any(|failure| failure.contains(&expected)), "{failures:#?}");
}

#[test]
fn rebase_adapts_patch_to_changed_solution() {
    let labs = Labs::complete();
    let paths = labs.paths();
    let answer = WrongAnswer::named(&paths, ID, "nothing");
    let (old, to) = (labs.path().join("old"), labs.path().join("to"));
    copy(&paths.solution(ID), &old);
    let solution = format!("solutions/{ID}/src/answer.rs");
    let commented = CORRECT.replace("* 2", "* 2 // twice");
    labs.write(&solution, &format!("// A comment.\n\n{CORRECT}"));
    answer.rebase(&old, &to).unwrap();
    answer.export(&to).unwrap();
    let exported = fs::read_to_string(to.join("src/answer.rs")).unwrap();
    assert_eq!(exported, format!("// A comment.\n\n{}", CORRECT.replace("* 2", "* 0")));

    labs.write(&solution, &commented);
    let conflict = answer.rebase(&old, &to).unwrap_err().to_string();
    assert!(
        conflict.contains("does not apply") || conflict.contains("conflicts"),
        "{conflict}"
    );
}
