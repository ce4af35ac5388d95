//! The commands that judge an exercise, from outside, on p1-01: what they say, write and
//! end with. The first of these builds what the exercise is built with, which takes
//! minutes where nobody did before.

use crate::markdown::top;
use crate::run::{World, finish};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

const ID: &str = "p1-01-life-of-a-session";

/// How long a command may take that has to build first.
pub(crate) const BUILD: Duration = Duration::from_secs(600);

/// What the reader writes.
const FILE: &str = "src/sessions.rs";

/// A folder with work in it.
pub(crate) struct Work {
    pub(crate) world: World,
    folder: tempfile::TempDir,
}

impl Work {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { world: World::new(), folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder of exercises with just this one, as it is handed out.
    pub(crate) fn hand_out(&self, place: &str) -> PathBuf {
        let (from, to) =
            (top().join("labs/exercises").join(ID), self.path().join(place).join(ID));
        copy(&from, &to);
        to.join(FILE)
    }

    fn judged(&self, args: &[&str], code: i32) -> Output {
        let mut command = self.world.command(args);
        command.current_dir(self.path()).env_remove("GITHUB_STEP_SUMMARY");
        let output = finish(command, BUILD);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        output
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).expect("it was written")
    }
}

fn copy(from: &Path, to: &Path) {
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
fn a_run_says_what_fails_first_and_where_and_keeps_how_far_somebody_is() {
    let work = Work::new();
    work.hand_out("mine");
    let output = work.judged(&["run", "p1-01", "--in", "mine"], 1);
    let said = text(&output.stdout);
    assert_eq!(said.matches("expected:").count(), 1, "the first in full: {said}");
    assert!(said.contains(&format!("Your file: mine/{ID}/{FILE}")), "{said}");
    let progress = work.read("mine/progress.txt");
    assert!(progress.contains(&format!("{ID} open 0 1\n")), "{progress}");
}

/// Grading asks for more than `lab run` does.
#[test]
fn who_passes_when_it_is_graded_has_solved_it() {
    let work = Work::new();
    fs::write(work.hand_out("mine"), solution()).expect("it can be written");
    work.judged(&["grade", "p1-01", "--in", "mine", "--repeat", "1"], 0);
    let progress = work.read("mine/progress.txt");
    assert!(progress.contains(&format!("{ID} solved 15 0\n")), "{progress}");
    let shown = work.judged(&["solution", "p1-01", "--in", "mine"], 0);
    assert!(text(&shown.stdout).contains("// src/sessions.rs of the solution"));
}

/// The command in a CI file that students copy, for one exercise and another folder.
fn command_of(ci: &str, work: &str) -> Vec<String> {
    let file = fs::read_to_string(top().join("labs/ci").join(ci)).expect("the file");
    let line = file.lines().find_map(|line| line.split_once("target/debug/lab grade "));
    let (_, args) = line.expect("it grades");
    let there = |arg: &str| {
        arg.replace('"', "").replace("../work", work).replace("$CI_PROJECT_DIR", work)
    };
    let args = args.split_whitespace().map(there);
    ["grade", "p1-01"].map(str::to_owned).into_iter().chain(args).collect()
}

/// A student's repository begins as a copy of the lab's: the exercises as they were handed
/// out are in it, beside the work.
#[test]
fn what_the_ci_files_run_finds_the_work_in_a_repository() {
    let work = Work::new();
    work.hand_out("repository/labs/exercises");
    let file = work.hand_out("repository/labs/work");
    let mut answer = fs::read_to_string(&file).expect("the starter");
    answer.push_str("// mine\n");
    fs::write(&file, answer).expect("it can be written");
    let summary = work.path().join("summary.md");
    fs::write(&summary, "# From another step\n").expect("it can be written");

    let repository = work.path().join("repository").display().to_string();
    let args = command_of("github.yml", &repository);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut command = work.world.command(&args);
    command.env("GITHUB_STEP_SUMMARY", &summary);
    let output = finish(command, BUILD);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stdout);
    let annotations: Vec<_> =
        said.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(annotations.len(), 1, "{said}");
    let begins = format!("::error file=labs/work/{ID}/{FILE},line=1,");
    assert!(annotations[0].starts_with(&begins), "{said}");
    let page = work.read("summary.md");
    let begins = format!("# From another step\n## {ID}: 0 of 15 points (fail)\n");
    assert!(page.starts_with(&begins), "{page}");

    let args = command_of("gitlab.yml", &repository);
    work.judged(&args.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    let report = work.read("repository/grade.xml");
    assert!(report.contains(&format!("file=\"labs/work/{ID}/{FILE}\"")), "{report}");
}

#[test]
fn a_class_ends_in_a_table_and_its_records() {
    let work = Work::new();
    work.hand_out("class/ada/labs/exercises");
    let bob = work.hand_out("class/bob/labs/work");
    fs::write(bob, "this is no program").expect("it can be written");
    let class = ["grade", "p1-01", "--submissions", "class", "--format", "json"];
    let files = ["--csv", "points.csv", "--out", "records.json"];
    let output = work.judged(&[&class[..], &files].concat(), 1);
    let table = work.read("points.csv");
    let lines: Vec<_> = table.lines().collect();
    let page = fs::read_to_string(top().join("docs/instructor.md")).expect("the page");
    assert!(page.contains(&format!("\n{}\n", lines[0])), "not as documented: {table}");
    assert!(lines[1].starts_with(&format!("ada,{ID},fail,0,15,,")), "{table}");
    assert!(lines[1].ends_with("nothing was changed there"), "{table}");
    assert!(lines[2].starts_with(&format!("bob,{ID},fail,0,15,,")), "{table}");
    let records: serde_json::Value =
        serde_json::from_str(&work.read("records.json")).expect("JSON");
    assert_eq!(records[1]["submission"], "bob");
    let message = records[1]["message"].as_str().expect("text");
    assert!(message.starts_with("it does not compile:"), "{message}");
    assert!(text(&output.stdout).contains("0 of 15"), "people read standard output");
    let said = text(&output.stderr);
    assert!(said.contains("  bob: fail, 0 points"), "told as they are done: {said}");
}

#[test]
fn a_result_that_cannot_be_written_is_a_lab_that_broke_and_no_verdict() {
    let work = Work::new();
    work.hand_out("mine");
    for option in ["--out", "--csv"] {
        let args = ["grade", "p1-01", "--submissions", ".", option, "nowhere/result"];
        let said = text(&work.judged(&args, 3).stderr);
        assert!(
            said.contains("the lab itself broke") && said.contains("nowhere"),
            "{said}"
        );
    }
    work.judged(&["grade", "--in", "mine", "--format", "gradescope"], 2);
}
