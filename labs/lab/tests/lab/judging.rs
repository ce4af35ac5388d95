//! The commands that judge an exercise, on p1-01. The first of these tests builds the
//! dependencies of the exercise, which takes minutes.

use crate::markdown::top;
use crate::run::{TestLab, finish};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

const ID: &str = "p1-01-life-of-a-session";

/// Time limit of a command that builds first.
pub(crate) const BUILD_TIMEOUT: Duration = Duration::from_secs(600);

/// The student's file.
const FILE: &str = "src/sessions.rs";

/// A folder with the work of a student.
pub(crate) struct Work {
    pub(crate) lab: TestLab,
    folder: tempfile::TempDir,
}

impl Work {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { lab: TestLab::new(), folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Copies the original exercise into a folder of exercises.
    pub(crate) fn copy_original(&self, place: &str) -> PathBuf {
        let (from, to) =
            (top().join("labs/exercises").join(ID), self.path().join(place).join(ID));
        copy(&from, &to);
        to.join(FILE)
    }

    fn judged(&self, args: &[&str], code: i32) -> Output {
        let mut command = self.lab.command(args);
        command.current_dir(self.path()).env_remove("GITHUB_STEP_SUMMARY");
        let output = finish(command, BUILD_TIMEOUT);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        output
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).expect("it was written")
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it can be copied");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

pub(crate) fn solution() -> String {
    let file = top().join("labs/solutions").join(ID).join(FILE);
    fs::read_to_string(file).expect("the solution")
}

#[test]
fn run_prints_the_first_failure_and_records_progress() {
    let work = Work::new();
    work.copy_original("mine");
    let output = work.judged(&["run", "p1-01", "--in", "mine"], 1);
    let printed = text(&output.stdout);
    assert_eq!(printed.matches("expected:").count(), 1, "the first in full: {printed}");
    assert!(printed.contains(&format!("Your file: mine/{ID}/{FILE}")), "{printed}");
    let progress = work.read("mine/progress.txt");
    assert!(progress.contains(&format!("{ID} open 0 1\n")), "{progress}");
}

/// Grading is stricter than `lab run`.
#[test]
fn passed_grading_solves_the_exercise() {
    let work = Work::new();
    fs::write(work.copy_original("mine"), solution()).expect("it can be written");
    work.judged(&["grade", "p1-01", "--in", "mine", "--repeat", "1"], 0);
    let progress = work.read("mine/progress.txt");
    assert!(progress.contains(&format!("{ID} solved 15 0\n")), "{progress}");
    let shown = work.judged(&["solution", "p1-01", "--in", "mine"], 0);
    assert!(text(&shown.stdout).contains("// src/sessions.rs of the solution"));
}

/// The command in a CI file, for one exercise and another folder.
fn command_of(ci: &str, work: &str) -> Vec<String> {
    let file = fs::read_to_string(top().join("labs/ci").join(ci)).expect("the file");
    let line = file.lines().find_map(|line| line.split_once("target/debug/lab grade "));
    let (_, args) = line.expect("it grades");
    let in_place = |arg: &str| {
        arg.replace('"', "").replace("../work", work).replace("$CI_PROJECT_DIR", work)
    };
    let args = args.split_whitespace().map(in_place);
    ["grade", "p1-01"].map(str::to_owned).into_iter().chain(args).collect()
}

/// A student's repository starts as a copy of the lab, so it has the original exercises
/// beside the work.
#[test]
fn ci_files_find_the_work_in_a_repository() {
    let work = Work::new();
    work.copy_original("repository/labs/exercises");
    let file = work.copy_original("repository/labs/work");
    let mut answer = fs::read_to_string(&file).expect("the starter");
    answer.push_str("// mine\n");
    fs::write(&file, answer).expect("it can be written");
    let summary = work.path().join("summary.md");
    fs::write(&summary, "# From another step\n").expect("it can be written");

    let repository = work.path().join("repository").display().to_string();
    let args = command_of("github.yml", &repository);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut command = work.lab.command(&args);
    command.env("GITHUB_STEP_SUMMARY", &summary);
    let output = finish(command, BUILD_TIMEOUT);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = text(&output.stdout);
    let annotations: Vec<_> =
        printed.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(annotations.len(), 1, "{printed}");
    let begins = format!("::error file=labs/work/{ID}/{FILE},line=1,");
    assert!(annotations[0].starts_with(&begins), "{printed}");
    let page = work.read("summary.md");
    let begins = format!("# From another step\n## {ID}: 0 of 15 points (fail)\n");
    assert!(page.starts_with(&begins), "{page}");

    let args = command_of("gitlab.yml", &repository);
    work.judged(&args.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    let report = work.read("repository/grade.xml");
    assert!(report.contains(&format!("file=\"labs/work/{ID}/{FILE}\"")), "{report}");
}

#[test]
fn class_grading_writes_a_table_and_records() {
    let work = Work::new();
    work.copy_original("class/ada/labs/exercises");
    let bob = work.copy_original("class/bob/labs/work");
    fs::write(bob, "this is no program").expect("it can be written");
    let class = ["grade", "p1-01", "--submissions", "class", "--format", "json"];
    let files = ["--csv", "points.csv", "--out", "records.json"];
    let output = work.judged(&[&class[..], &files].concat(), 1);
    let table = work.read("points.csv");
    let lines: Vec<_> = table.lines().collect();
    let page = fs::read_to_string(top().join("docs/instructor.md")).expect("the page");
    assert!(page.contains(&format!("\n{}\n", lines[0])), "not as documented: {table}");
    assert!(lines[1].starts_with(&format!("ada,{ID},fail,0,15,,")), "{table}");
    assert!(lines[1].ends_with("contains the unchanged exercise"), "{table}");
    assert!(lines[2].starts_with(&format!("bob,{ID},fail,0,15,,")), "{table}");
    let report = crate::json::valid(&work.read("records.json"));
    let records = &report["records"];
    assert_eq!(records[1]["submission"], "bob");
    let message = records[1]["message"].as_str().expect("text");
    assert!(message.starts_with("it does not compile:"), "{message}");
    assert!(text(&output.stdout).contains("0 of 15"), "the table is on standard output");
    let printed = text(&output.stderr);
    assert!(
        printed.contains("  bob: fail, 0 points"),
        "printed as they are done: {printed}"
    );
}

#[test]
fn unwritable_result_is_a_harness_error() {
    let work = Work::new();
    work.copy_original("mine");
    for option in ["--out", "--csv"] {
        let args = ["grade", "p1-01", "--submissions", ".", option, "nowhere/result"];
        let printed = text(&work.judged(&args, 3).stderr);
        assert!(
            printed.contains("the lab itself broke") && printed.contains("nowhere"),
            "{printed}"
        );
    }
    work.judged(&["grade", "--in", "mine", "--format", "gradescope"], 2);
}

/// A student can have committed a result with full points.
#[test]
fn broken_grading_leaves_no_old_result() {
    let work = Work::new();
    fs::write(work.copy_original("mine"), solution()).expect("it can be written");
    let result = work.path().join("results.json");
    let broken = [("p1-01", "mine", 3), ("p1-01", "nowhere", 2), ("p9-99", "mine", 2)];
    for (id, folder, code) in broken {
        fs::write(&result, r#"{"score": 15}"#).expect("it can be written");
        let args = ["grade", id, "--in", folder, "--format", "gradescope"];
        let args = [&args[..], &["--out", "results.json"]].concat();
        let mut command = work.lab.command(&args);
        // Without a temporary folder no exercise can be graded.
        command.current_dir(work.path()).env("TMPDIR", "/dev/null/nowhere");
        let output = finish(command, BUILD_TIMEOUT);
        assert_eq!(output.status.code(), Some(code), "{id} in {folder}: {output:?}");
        assert!(!result.exists(), "{id} in {folder}: {output:?}");
    }
}
