//! The exercise commands on a copy of the exercises. The checks are tested with the grader.

use crate::markdown::top;
use crate::run::TestLab;
use std::fs;
use std::path::PathBuf;

/// A student's copy of the exercises.
struct Copy {
    lab: TestLab,
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copy = Self { lab: TestLab::new(), folder };
        // Nothing is changed yet, so it only copies the exercises.
        copy.ok(&["reset", "p1-01", "--yes"]);
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
        self.lab.ok(&[args, &["--in", &path]].concat())
    }

    fn refused(&self, args: &[&str]) -> String {
        let path = self.path().display().to_string();
        let output = self.lab.run(&[args, &["--in", &path]].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    }
}

#[test]
fn new_copy_is_complete_and_unsolved() {
    let copy = Copy::new();
    assert!(copy.file().is_file());
    assert!(copy.path().join("Cargo.toml").is_file());
    let list = crate::json::valid(&copy.ok(&["list", "--json"]))["exercises"].clone();
    assert_eq!(list[0]["id"], "p1-01-life-of-a-session");
    assert_eq!((&list[0]["next"], &list[0]["solved"]), (&true.into(), &false.into()));
}

#[test]
fn each_hint_adds_one_and_is_counted() {
    let copy = Copy::new();
    let questions = |text: &str| text.matches("?\n").count();
    let printed: Vec<_> =
        (0..4).map(|_| questions(&copy.ok(&["hint", "p1-01"]))).collect();
    assert_eq!(printed, [1, 2, 3, 3]);
    let progress =
        fs::read_to_string(copy.path().join("progress.txt")).expect("progress");
    assert!(progress.contains("p1-01-life-of-a-session open 0 0 1:3"), "{progress}");
    assert!(copy.refused(&["hint", "p1-01", "--task", "9"]).contains("has 5 tasks"));
}

/// Each printed command works as it is: with the exercise and the folder.
#[test]
fn commands_in_hints_name_the_folder() {
    let copy = Copy::new();
    let path = copy.path().display().to_string();
    for (printed, command) in [
        (copy.ok(&["list"]), "watch"),
        (copy.ok(&["hint", "p1-02"]), "hint p1-02"),
        (copy.refused(&["solution", "p1-02"]), "run p1-02"),
        (copy.refused(&["solution", "p1-02"]), "hint p1-02"),
    ] {
        let whole = format!("cargo lab {command} --in {path}");
        assert!(printed.contains(&whole), "{whole:?} is missing: {printed}");
    }
}

#[test]
fn solution_is_shown_after_the_exercise_is_solved() {
    let copy = Copy::new();
    assert!(copy.refused(&["solution", "p1-01"]).contains("solve the exercise first"));
    let solved = "p1-01-life-of-a-session solved 15 0\n";
    fs::write(copy.path().join("progress.txt"), solved).expect("it can be written");
    assert!(
        copy.ok(&["solution", "p1-01"]).contains("// src/sessions.rs of the solution")
    );
}

#[test]
fn reset_restores_the_starter_and_keeps_the_old_files() {
    let copy = Copy::new();
    let starter = fs::read_to_string(copy.file()).expect("the starter");
    fs::write(copy.file(), "// mine\n").expect("it can be written");
    assert!(
        copy.refused(&["reset", "p1-01"]).contains("give --yes"),
        "no terminal to ask"
    );
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
fn unknown_exercise_is_refused_with_the_known_ids() {
    let printed = Copy::new().refused(&["hint", "p9-99"]);
    assert!(
        printed.contains("p9-99") && printed.contains("p1-01-life-of-a-session"),
        "{printed}"
    );
}

#[test]
fn grading_a_missing_folder_is_a_usage_error() {
    let output = TestLab::new().run(&["grade", "p1-01", "--in", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// Git does not push ignored files, and grading needs pushed files.
#[test]
fn workspace_in_a_repository_is_not_ignored_by_git() {
    let (lab, repository) = (TestLab::new(), tempfile::tempdir().expect("a folder"));
    let original = repository.path().join("labs/exercises/p1-01-life-of-a-session");
    fs::create_dir_all(&original).expect("a folder");
    let manifest = "labs/exercises/p1-01-life-of-a-session/exercise.toml";
    fs::copy(top().join(manifest), repository.path().join(manifest)).expect("a file");
    let repository_path = repository.path().display().to_string();
    lab.ok(&["reset", "p1-01", "--yes", "--in", &repository_path]);
    let printed = lab.ok(&["list", "--in", &repository_path]);
    let work = repository.path().join("labs/work");
    assert!(printed.contains(&work.display().to_string()), "{printed}");
    assert!(work.join("p1-01-life-of-a-session/src/sessions.rs").is_file());
    let ignored = fs::read_to_string(top().join(".gitignore")).expect("the file");
    let lines = ["/labs/work", "/labs/work/", "labs/work"];
    assert!(!ignored.lines().any(|line| lines.contains(&line)), "{ignored}");
}

/// The paths below a folder, without the build output.
fn paths_below(dir: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let paths = entries.filter(|entry| entry.file_name() != "target");
    let mut paths: Vec<_> = paths.map(|entry| entry.path()).collect();
    let folders: Vec<_> = paths.iter().filter(|path| path.is_dir()).cloned().collect();
    paths.extend(folders.iter().flat_map(|folder| paths_below(folder)));
    paths.sort();
    paths
}

#[test]
fn list_writes_nothing() {
    let lab = TestLab::new();
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("mine").display().to_string();
    let checkout = top().join("labs");
    let before = paths_below(&checkout);
    for args in [&["list"][..], &["list", "--json"], &["list", "--in", &new]] {
        let mut command = lab.command(args);
        command.current_dir(top());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    let new: Vec<_> = paths_below(&checkout)
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect();
    assert!(new.is_empty(), "{:?} was written", new.first());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    lab.until_empty();
}
