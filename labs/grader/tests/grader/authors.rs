//! The proof of an exercise finds what is wrong with it.

use crate::fixture::{ID, RIGHT, SUITE, cage, copy};
use grader::Home;
use grader::author::{Proof, rehearse};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

/// An exercise with everything that belongs to it.
struct Labs(TempDir);

impl Labs {
    fn complete() -> Self {
        let labs = Self(tempfile::tempdir().unwrap());
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
        copy(&fixture, labs.path());
        labs.write(&format!("solutions/{ID}/src/answer.rs"), RIGHT);
        for (name, factor) in [("threefold", "* 3"), ("nothing", "* 0")] {
            let mistake = format!("wrong-answers/{ID}/{name}");
            labs.write(
                &format!("{mistake}/src/answer.rs"),
                &RIGHT.replace("* 2", factor),
            );
            let stated = "fails = \"it_is_doubled\"\nbecause = \"200\"\n";
            labs.write(&format!("{mistake}/mistake.toml"), stated);
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

    /// What is wrong.
    async fn proved(&self, record: bool) -> Vec<String> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors");
        let home = Home::at(self.path(), &target).unwrap();
        let manifest = match home.manifest(ID) {
            Ok(manifest) => manifest,
            Err(error) => return vec![format!("{error:#}")],
        };
        let (cage, require_solutions) = (cage(), true);
        let proof = Proof { home, cage, seed: 3, repeat: 2, require_solutions, record };
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
async fn a_complete_exercise_is_proved_and_its_transcripts_are_kept() {
    let labs = Labs::complete();
    assert_eq!(labs.proved(true).await, [""; 0]);
    let golden = labs.path().join(format!("wrong-answers/{ID}/nothing/transcript.txt"));
    let golden = fs::read_to_string(golden).unwrap();
    assert!(golden.starts_with("✘ It is doubled\n    started replica r1 at"), "{golden}");
    assert!(golden.contains("127.0.0.1:<port>/"), "{golden}");
    assert_eq!(labs.proved(false).await, [""; 0], "the next run says the same");
}

#[tokio::test]
async fn what_does_not_hold_is_found() {
    let labs = Labs::complete();
    labs.proved(true).await;
    labs.change(&format!("wrong-answers/{ID}/nothing/transcript.txt"), "actual:", "was:");
    labs.write(&format!("wrong-answers/{ID}/threefold/src/answer.rs"), RIGHT);
    labs.change(&format!("exercises/{ID}/README.md"), "3 points", "4 points");
    labs.write(&format!("exercises/{ID}/src/answer.rs"), RIGHT);
    let wrong = labs.proved(false).await;
    let begins = |start: &str| wrong.iter().any(|one| one.starts_with(start));
    assert!(begins("the README says what is tested"), "{wrong:#?}");
    assert!(begins("the starter is there, with something to do"), "{wrong:#?}");
    assert!(begins("the starter fails for the reason stated: got: pass"), "{wrong:#?}");
    assert!(begins("caught and explained: threefold: got: pass"), "{wrong:#?}");
    assert!(
        begins("caught and explained: nothing: the transcript is another"),
        "{wrong:#?}"
    );
    assert_eq!(wrong.len(), 5, "{wrong:#?}");
}

#[tokio::test]
async fn a_solution_that_is_wrong_or_missing_is_found() {
    let labs = Labs::complete();
    labs.proved(true).await;
    labs.write(&format!("solutions/{ID}/src/answer.rs"), &RIGHT.replace("* 2", "* 4"));
    let wrong = labs.proved(false).await;
    assert!(
        wrong[0].starts_with("the solution passes with 2 seeds: got: fail"),
        "{wrong:#?}"
    );
    fs::remove_dir_all(labs.path().join("solutions")).unwrap();
    let wrong = labs.proved(false).await;
    assert!(wrong[0].starts_with("there is a solution"), "{wrong:#?}");
}

#[tokio::test]
async fn a_manifest_that_contradicts_itself_is_refused() {
    let labs = Labs::complete();
    labs.change(
        &format!("exercises/{ID}/exercise.toml"),
        "needs = [\"it_is",
        "needs = [\"not_is",
    );
    let wrong = labs.proved(false).await;
    assert!(wrong[0].contains("which is not before it"), "{wrong:#?}");
}

#[test]
fn a_class_can_be_made_up_in_which_no_two_submissions_are_alike() {
    let labs = Labs::complete();
    let home = Home::at(labs.path(), &labs.path().join("target")).unwrap();
    let (manifest, class) = (home.manifest(ID).unwrap(), labs.path().join("class"));
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
    assert!(rehearse(&home, &manifest, 5, &class).is_err(), "nothing is written over");
}

/// Any failure says nothing, and so would be the reason that is stated.
#[tokio::test]
async fn a_reason_that_says_nothing_is_refused() {
    let labs = Labs::complete();
    labs.proved(true).await;
    labs.change(
        &format!("wrong-answers/{ID}/nothing/mistake.toml"),
        "because = \"200\"",
        "because = \"\"",
    );
    let wrong = labs.proved(false).await;
    let [one] = wrong.as_slice() else { panic!("{wrong:#?}") };
    assert!(
        one.starts_with("caught and explained: nothing: \"because\" is empty"),
        "{one}"
    );
    labs.change(
        &format!("exercises/{ID}/exercise.toml"),
        "because = \"expected\"",
        "because = \" \"",
    );
    let wrong = labs.proved(false).await;
    assert!(wrong[0].contains("the starter's \"because\" is empty"), "{wrong:#?}");
}
