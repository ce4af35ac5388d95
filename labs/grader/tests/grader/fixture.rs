//! A minimal exercise that needs only the standard library, and answers to it.

use grader::{
    Assignment, CheckContext, CheckResult, LabPaths, Program, Record, Suite, require,
    suite,
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

/// The correct answer.
pub(crate) const CORRECT: &str = r"
pub fn before() {}
pub fn answer(number: &str) -> String {
    (number.parse::<u64>().unwrap_or_default() * 2).to_string()
}
";

async fn doubled(ctx: &CheckContext, url: &str, number: u64) -> CheckResult {
    let reply =
        ctx.get(url, &format!("/{number}")).send().await?.expect(200, "a reply")?;
    let expected = (number * 2).to_string();
    require(
        reply.text() == expected,
        format!("expected {expected}"),
        reply.shown(),
        "times two",
    )
}

async fn it_is_doubled(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    doubled(ctx, &server.url(), ctx.random_number(1, 1000)).await
}

async fn it_is_doubled_after_a_crash(ctx: &CheckContext) -> CheckResult {
    let (server, other) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let balanced = ctx.balance(&[&server, &other], Policy::RoundRobin).await?;
    server.kill().await;
    server.restart().await?;
    balanced.put(&server)?;
    balanced.wait_until_all_up().await?;
    for _ in 0..4 {
        doubled(ctx, &balanced.url(), ctx.random_number(1, 1000)).await?;
    }
    doubled(ctx, &server.url(), ctx.random_number(1, 1000)).await
}

async fn it_is_doubled_and_not_looked_up(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    doubled(ctx, &server.url(), ctx.random_number(1_000_000, 2_000_000)).await
}

/// A student's folder of exercises.
pub(crate) struct Work {
    folder: TempDir,
}

impl Work {
    /// Creates a folder with this text as the answer.
    pub(crate) fn with(answer: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&paths().exercises().join(ID), &folder.path().join(ID));
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
        paths: paths(),
        manifest: paths().manifest(ID).unwrap(),
        suite: SUITE,
        work: Some(work.to_owned()),
        sandbox: sandbox(),
        seed: 7,
        repeat: 2,
        stops_early: false,
    }
}

/// An assignment with one run of one check, which has the name of the first.
pub(crate) fn assignment_of_one_check(work: &Path, suite: Suite) -> Assignment {
    let mut assignment = Assignment { suite, repeat: 1, ..assignment(work) };
    assignment.manifest.checks.truncate(1);
    assignment
}

pub(crate) fn paths() -> LabPaths {
    paths_with_target(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("grader"))
}

pub(crate) fn paths_with_target(target: &Path) -> LabPaths {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/grader/fixture");
    LabPaths::at(&labs, target).unwrap()
}

pub(crate) fn sandbox() -> Program {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_grader-sandbox"));
    Program { path, prefix: Vec::new() }
}

/// A sandbox that runs a script first. In the script, `$0` is the sandbox, `$1` to `$3`
/// are the restrictions (the third is the time in milliseconds), and `$4` is the program.
pub(crate) fn sandbox_after(script: &str) -> Program {
    let script = format!("{script}\nexec \"$0\" \"$@\"");
    let prefix = vec!["-c".into(), script.into(), sandbox().path.into()];
    Program { path: "sh".into(), prefix }
}

/// Runs one test again in a new process with an additional environment variable.
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
