//! The exercise commands on a copy of the exercises: what they say, what they keep. What
//! checks find is tested with the grader, on an exercise in small.

use crate::markdown::top;
use crate::run::World;
use std::fs;
use std::path::PathBuf;

/// Somebody's own copy.
struct Copy {
    world: World,
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copy = Self { world: World::new(), folder };
        copy.ok(&["list"]);
        copy
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mine")
    }

    fn file(&self) -> PathBuf {
        self.path().join("p1-01-life-of-a-session/src/sessions.rs")
    }

    fn ok(&self, args: &[&str]) -> String {
        let path = self.path().display().to_string();
        self.world.ok(&[args, &["--in", &path]].concat())
    }

    fn refused(&self, args: &[&str]) -> String {
        let path = self.path().display().to_string();
        let output = self.world.lab(&[args, &["--in", &path]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }
}

#[test]
fn a_new_copy_has_everything_and_nothing_is_solved() {
    let copy = Copy::new();
    assert!(copy.file().is_file());
    assert!(copy.path().join("Cargo.toml").is_file());
    let list: serde_json::Value =
        serde_json::from_str(&copy.ok(&["list", "--json"])).expect("JSON");
    assert_eq!(list[0]["id"], "p1-01-life-of-a-session");
    assert_eq!((&list[0]["next"], &list[0]["solved"]), (&true.into(), &false.into()));
}

#[test]
fn each_hint_says_one_thing_more_and_is_counted() {
    let copy = Copy::new();
    let questions = |text: &str| text.matches("?\n").count();
    let said: Vec<_> = (0..4).map(|_| questions(&copy.ok(&["hint", "p1-01"]))).collect();
    assert_eq!(said, [1, 2, 3, 3]);
    let progress =
        fs::read_to_string(copy.path().join("progress.txt")).expect("progress");
    assert!(progress.contains("p1-01-life-of-a-session open 0 0 1:3"), "{progress}");
    assert!(copy.refused(&["hint", "p1-01", "--task", "9"]).contains("has 5 tasks"));
}

#[test]
fn a_solution_is_shown_to_whoever_has_one() {
    let copy = Copy::new();
    assert!(copy.refused(&["solution", "p1-01"]).contains("first solve it"));
    let solved = "p1-01-life-of-a-session solved 15 0\n";
    fs::write(copy.path().join("progress.txt"), solved).expect("it can be written");
    assert!(
        copy.ok(&["solution", "p1-01"]).contains("// src/sessions.rs of the solution")
    );
}

#[test]
fn a_reset_brings_the_starter_back_and_keeps_what_was_there() {
    let copy = Copy::new();
    let starter = fs::read_to_string(copy.file()).expect("the starter");
    fs::write(copy.file(), "// mine\n").expect("it can be written");
    assert!(copy.refused(&["reset", "p1-01"]).contains("give --yes"), "nobody was asked");
    copy.ok(&["reset", "p1-01", "--yes"]);
    assert_eq!(fs::read_to_string(copy.file()).expect("the starter"), starter);
    let kept = |folder: &str| {
        let exercise = copy.path().join("p1-01-life-of-a-session");
        fs::read_to_string(exercise.join(folder).join("src/sessions.rs")).ok()
    };
    assert_eq!(kept(".before-reset").as_deref(), Some("// mine\n"));

    assert!(copy.ok(&["reset", "p1-01", "--yes"]).contains("Nothing to do"));
    fs::write(copy.file(), "// mine, again\n").expect("it can be written");
    copy.ok(&["reset", "p1-01", "--yes"]);
    assert_eq!(kept(".before-reset").as_deref(), Some("// mine\n"), "it was kept");
    assert_eq!(kept(".before-reset-2").as_deref(), Some("// mine, again\n"));
}

#[test]
fn an_exercise_that_is_not_there_is_named_with_those_that_are() {
    let said = Copy::new().refused(&["hint", "p9-99"]);
    assert!(said.contains("p9-99") && said.contains("p1-01-life-of-a-session"), "{said}");
}

#[test]
fn what_is_graded_has_to_be_there() {
    let output = World::new().lab(&["grade", "p1-01", "--in", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// What git ignores is not pushed, and what is not pushed is not graded.
#[test]
fn the_place_to_work_in_is_made_in_a_repository_and_is_not_ignored_by_git() {
    let (world, repository) = (World::new(), tempfile::tempdir().expect("a folder"));
    let handed_out = repository.path().join("labs/exercises/p1-01-life-of-a-session");
    fs::create_dir_all(&handed_out).expect("a folder");
    let manifest = "labs/exercises/p1-01-life-of-a-session/exercise.toml";
    fs::copy(top().join(manifest), repository.path().join(manifest)).expect("a file");
    let said = world.ok(&["list", "--in", &repository.path().display().to_string()]);
    let work = repository.path().join("labs/work");
    assert!(said.contains(&work.display().to_string()), "{said}");
    assert!(work.join("p1-01-life-of-a-session/src/sessions.rs").is_file());
    let ignored = fs::read_to_string(top().join(".gitignore")).expect("the file");
    let lines = ["/labs/work", "/labs/work/", "labs/work"];
    assert!(!ignored.lines().any(|line| lines.contains(&line)), "{ignored}");
}
