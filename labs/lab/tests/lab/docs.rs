//! The commands in the documentation work: bash runs the `sh` blocks of each page in order
//! in an empty folder. They leave no process and no file behind.

use crate::demo::DEMO_LOCK;
use crate::markdown::{Page, page, pages};
use crate::run::TestLab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Time limit of all commands of a page, for commands that hang.
const PAGE_TIMEOUT: Duration = Duration::from_secs(180);

/// Commands that are not run here, with the reason.
const NOT_RUN: [(&str, &str, &str); 10] = [
    ("README.md", "scripts/test", "it runs this test"),
    ("README.md", "cargo lab demo", ASKS),
    ("README.md", "cargo lab demo restart-everything", ALREADY),
    ("README.md", "cargo lab demo scale-out", ALREADY),
    ("README.md", "cargo lab demo rolling-restart", ALREADY),
    ("README.md", "cargo lab demo central-store", IN_CI),
    ("README.md", "cargo lab demo redis-goes-away", IN_CI),
    ("README.md", "cargo lab demo revoke-a-token", IN_CI),
    ("README.md", "cargo lab demo upload-survives-a-kill", IN_CI),
    ("docs/instructor.md", "cargo lab demo --yes", ALREADY),
];

const ASKS: &str = "it asks questions on the terminal";

const ALREADY: &str = "the tests in `demo.rs` run each scenario";

const IN_CI: &str = "`.ci/run` runs each scenario, and together they take minutes";

/// The kinds of blocks. `sh` is run; `sh no-run` is explained in the text.
const KINDS: [&str; 6] = ["sh", "sh no-run", "text", "toml", "yaml", "json"];

/// A `cargo` for the pages that builds nothing: `cargo lab` is the program of this build,
/// and so are the servers, which are roles of it. In a subshell it is replaced by the
/// program, so that `$!` is the id of the program.
const PREAMBLE: &str = r#"
set -euo pipefail
cargo() {
    case "$1 ${2-} ${3-} ${4-}" in
        "lab "*) set -- "$LAB" "${@:2}" ;;
        "run -p stateful-server --") set -- "$LAB" serve stateful "${@:5}" ;;
        "run -p stateless-server --") set -- "$LAB" serve stateless "${@:5}" ;;
        *) echo "a page may call cargo lab and the two servers, not: cargo $*" >&2; return 64 ;;
    esac
    if [ "$BASHPID" != "$$" ]; then exec "$@"; fi
    "$@"
}
trap 'printf "+ %s\n" "$BASH_COMMAND" >&2' DEBUG
"#;

macro_rules! pages {
    ($($name:ident: $page:literal,)*) => {
        mod the_commands_work_on {
            $(#[test] fn $name() { super::every_command_works($page); })*
        }
        const TESTED: &[&str] = &[$($page,)*];
    };
}

pages! {
    the_readme: "README.md",
    the_api_reference: "docs/api.md",
    ci: "docs/ci.md",
    check_stateless: "docs/check-stateless.md",
    security: "docs/security.md",
    services: "docs/services.md",
    instructor: "docs/instructor.md",
    tcp_is_not_a_session: "docs/concepts/tcp-is-not-a-session.md",
    life_of_a_session: "docs/concepts/life-of-a-session.md",
    goldfish_and_long_memory: "docs/concepts/goldfish-and-long-memory.md",
    types_of_state: "docs/concepts/types-of-state.md",
    where_state_may_live: "docs/concepts/where-state-may-live.md",
    five_designs: "docs/concepts/five-designs.md",
}

#[test]
fn every_page_with_commands_is_tested() {
    for page in pages() {
        let has_commands = page.blocks().iter().any(|block| block.info == "sh");
        let tested = TESTED.contains(&page.name.as_str());
        assert_eq!(has_commands, tested, "{}: `pages!` above differs", page.name);
    }
}

#[test]
fn every_block_is_of_a_known_kind() {
    for page in pages() {
        for block in page.blocks() {
            let known =
                KINDS.contains(&block.info.as_str()) || block.info.starts_with("json ");
            assert!(known, "{}: a block is marked {:?}", page.name, block.info);
        }
    }
}

#[test]
fn every_excluded_command_is_still_documented() {
    for (name, command, why) in NOT_RUN {
        let present = commands(&page(name)).lines().any(|line| is(line, command));
        assert!(
            present,
            "{name} no longer has {command} ({why}): remove it from NOT_RUN"
        );
    }
}

fn every_command_works(name: &str) {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    assert!(curl.is_ok(), "the pages call curl: install your system's package curl");
    let page = page(name);
    let script = script(&page);
    let runs_a_demo = script.contains("cargo lab demo");
    let _alone =
        runs_a_demo.then(|| DEMO_LOCK.lock().unwrap_or_else(PoisonError::into_inner));

    let lab = TestLab::new();
    let home = tempfile::tempdir().expect("a temporary folder");
    let output = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut bash = Bash::start(&script, &lab, home.path(), output.as_file());
    let ended = bash.end();
    let output = fs::read_to_string(output.path()).unwrap_or_default();
    let ended = ended
        .unwrap_or_else(|| panic!("{name}: not done after {PAGE_TIMEOUT:?}:\n{output}"));
    assert!(ended.success(), "{name}: the last command here failed:\n{output}");
    lab.until_empty();
    let left = fs::read_dir(home.path()).expect("a child").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{name} leaves {left:?} behind");
}

/// The commands of a page without those in [`NOT_RUN`].
fn script(page: &Page) -> String {
    let excluded = |line: &&str| {
        NOT_RUN.iter().any(|(name, command, _)| *name == page.name && is(line, command))
    };
    let commands = commands(page);
    let run: Vec<_> = commands.lines().filter(|line| !excluded(line)).collect();
    format!("{PREAMBLE}{}\n", run.join("\n"))
}

fn commands(page: &Page) -> String {
    let blocks = page.blocks().into_iter().filter(|block| block.info == "sh");
    blocks.map(|block| block.text + "\n").collect()
}

/// Whether a line is this command, apart from a comment.
fn is(line: &str, command: &str) -> bool {
    line.split(" #").next().unwrap_or_default().trim() == command
}

/// A shell with all its processes. None of them outlives this value.
struct Bash<'a> {
    child: Child,
    lab: &'a TestLab,
}

impl<'a> Bash<'a> {
    fn start(script: &str, lab: &'a TestLab, home: &Path, output: &File) -> Self {
        let pipe = || output.try_clone().expect("a file handle");
        let path = std::env::var_os("PATH").expect("a search path");
        let child = Command::new("bash")
            .args(["-c", script])
            .current_dir(home)
            // Without the caller's environment: proxies, log levels, settings of cargo.
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("TMPDIR", lab.path())
            .env("LAB", env!("CARGO_BIN_EXE_lab"))
            .stdin(Stdio::null())
            .stdout(pipe())
            .stderr(pipe())
            .spawn()
            .expect("the pages' commands are for bash");
        Self { child, lab }
    }

    /// Its exit status; `None` after the time limit.
    fn end(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PAGE_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Bash<'_> {
    /// Kills the remaining processes. All of them have the folder of this lab in their
    /// environment, in any process group or session.
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = self.lab.processes();
            if left.is_empty() || Instant::now() > deadline {
                break;
            }
            for process in left {
                let _ended_already = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _reaped = self.child.wait();
    }
}
