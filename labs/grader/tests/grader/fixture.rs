//! An exercise that needs nothing but the standard library, and programs that try to
//! solve it in all kinds of ways.

use grader::{
    Assignment, CageProgram, Exam, Home, Outcome, Record, Suite, require, suite,
};
use load_balancer::config::Policy;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(crate) const ID: &str = "x-01-double";

pub(crate) const SUITE: Suite = suite!("x-01-double":
    it_is_doubled,
    it_is_doubled_after_a_crash,
    it_is_doubled_and_not_looked_up,
);

/// The right answer.
pub(crate) const RIGHT: &str = r"
pub fn before() {}
pub fn answer(number: &str) -> String {
    (number.parse::<u64>().unwrap_or_default() * 2).to_string()
}
";

async fn doubled(exam: &Exam, url: &str, number: u64) -> Outcome {
    let reply =
        exam.get(url, &format!("/{number}")).send().await?.expect(200, "a reply")?;
    let expected = (number * 2).to_string();
    require(
        reply.text() == expected,
        format!("expected {expected}"),
        reply.shown(),
        "times two",
    )
}

async fn it_is_doubled(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    doubled(exam, &server.url(), exam.number(1, 1000)).await
}

async fn it_is_doubled_after_a_crash(exam: &Exam) -> Outcome {
    let (server, other) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let balanced = exam.balance(&[&server, &other], Policy::RoundRobin).await?;
    server.kill().await;
    server.restart().await?;
    balanced.put(&server)?;
    balanced.until_all_are_up().await?;
    for _ in 0..4 {
        doubled(exam, &balanced.url(), exam.number(1, 1000)).await?;
    }
    doubled(exam, &server.url(), exam.number(1, 1000)).await
}

async fn it_is_doubled_and_not_looked_up(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    doubled(exam, &server.url(), exam.number(1_000_000, 2_000_000)).await
}

/// Somebody's folder of exercises.
pub(crate) struct Work {
    folder: TempDir,
}

impl Work {
    /// With this text in the reader's file.
    pub(crate) fn with(answer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&home().exercises().join(ID), &folder.path().join(ID));
        let work = Self { folder };
        work.write("src/answer.rs", answer);
        work
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(ID).join(file), text).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.path().join(ID).join(file)).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn graded(&self) -> Record {
        grader::grade(assignment(self.path())).await
    }
}

pub(crate) fn assignment(work: &Path) -> Assignment {
    Assignment {
        home: home(),
        manifest: home().manifest(ID).unwrap(),
        suite: SUITE,
        work: Some(work.to_owned()),
        cage: cage(),
        seed: 7,
        repeat: 2,
        stops_early: false,
    }
}

/// Graded once, by a check of the same name as the first, and by that alone.
pub(crate) fn assignment_of_one_check(work: &Path, suite: Suite) -> Assignment {
    let mut assignment = Assignment { suite, repeat: 1, ..assignment(work) };
    assignment.manifest.checks.truncate(1);
    assignment
}

pub(crate) fn home() -> Home {
    home_that_builds_in(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("grader"))
}

pub(crate) fn home_that_builds_in(target: &Path) -> Home {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
    Home::at(&labs, target).unwrap()
}

pub(crate) fn cage() -> CageProgram {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_grader-cage"));
    CageProgram { path, prefix: Vec::new() }
}

/// A cage before which a script is run. To it, `$0` is the cage, `$1` to `$3` are the bars
/// (the third is the time in milliseconds), and `$4` is the program.
pub(crate) fn cage_after(script: &str) -> CageProgram {
    let script = format!("{script}\nexec \"$0\" \"$@\"");
    let prefix = vec!["-c".into(), script.into(), cage().path.into()];
    CageProgram { path: "sh".into(), prefix }
}

/// Runs one test of this program again, in a process with this in its environment.
pub(crate) fn passes_with(test: &str, (name, value): (&str, &str)) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    let output = again.args([test, "--exact"]).env(name, value).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
