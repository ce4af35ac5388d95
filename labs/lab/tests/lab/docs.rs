//! The commands in the documentation work as they stand: each page's `sh` blocks are run
//! in order, by bash, in an empty folder, and leave nothing behind.

use crate::demo::STAGE;
use crate::markdown::{Page, page, pages};
use crate::run::World;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long all commands of a page may take. It is there for commands that hang.
const DEADLINE: Duration = Duration::from_secs(180);

/// Commands that are shown and not run here, and why.
const NOT_RUN: [(&str, &str, &str); 10] = [
    ("README.md", "scripts/test", "it is what runs this"),
    ("README.md", "cargo lab demo", ASKS),
    ("README.md", "cargo lab demo restart-everything --yes", ALREADY),
    ("README.md", "cargo lab demo scale-out --yes", ALREADY),
    ("README.md", "cargo lab demo rolling-restart --yes", ALREADY),
    ("README.md", "cargo lab demo central-store --yes", IN_CI),
    ("README.md", "cargo lab demo redis-goes-away --yes", IN_CI),
    ("README.md", "cargo lab demo revoke-a-token --yes", IN_CI),
    ("README.md", "cargo lab demo upload-survives-a-kill --yes", IN_CI),
    ("docs/instructor.md", "cargo lab demo --yes", ALREADY),
];

const ASKS: &str = "it asks questions of somebody at a keyboard";

const ALREADY: &str = "`demo` runs each scenario, and each takes a while";

const IN_CI: &str = "`.ci/run` runs each scenario, and together they take minutes";

/// What blocks may be marked with. `sh` is run; `sh no-run` is explained in the text.
const KINDS: [&str; 6] = ["sh", "sh no-run", "text", "toml", "yaml", "json"];

/// `cargo` as the pages call it, without building: `cargo lab` is this build's program,
/// and so are the servers, which it can be as well. In a subshell it becomes the program,
/// so that `$!` is the program's own id.
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
        assert_eq!(has_commands, tested, "{}: `pages!` above says otherwise", page.name);
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
fn what_is_not_run_is_still_there() {
    for (name, command, why) in NOT_RUN {
        let there = commands(&page(name)).lines().any(|line| says(line, command));
        assert!(there, "{name} no longer has {command} ({why}): remove it from NOT_RUN");
    }
}

fn every_command_works(name: &str) {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    assert!(curl.is_ok(), "the pages call curl: install your system's package curl");
    let page = page(name);
    let script = script(&page);
    let needs_the_stage = script.contains("cargo lab demo");
    let _alone =
        needs_the_stage.then(|| STAGE.lock().unwrap_or_else(PoisonError::into_inner));

    let world = World::new();
    let home = tempfile::tempdir().expect("a temporary folder");
    let said = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut bash = Bash::start(&script, &world, home.path(), said.as_file());
    let ended = bash.end();
    let said = fs::read_to_string(said.path()).unwrap_or_default();
    let ended =
        ended.unwrap_or_else(|| panic!("{name}: not done after {DEADLINE:?}:\n{said}"));
    assert!(ended.success(), "{name}: a command failed, the last one here:\n{said}");
    world.until_empty();
    let left = fs::read_dir(home.path()).expect("it is ours").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{name} leaves {left:?} with its reader");
}

/// The commands of a page, those left out that are not to be run.
fn script(page: &Page) -> String {
    let left_out = |line: &&str| {
        NOT_RUN.iter().any(|(name, command, _)| *name == page.name && says(line, command))
    };
    let commands = commands(page);
    let run: Vec<_> = commands.lines().filter(|line| !left_out(line)).collect();
    format!("{PREAMBLE}{}\n", run.join("\n"))
}

fn commands(page: &Page) -> String {
    let blocks = page.blocks().into_iter().filter(|block| block.info == "sh");
    blocks.map(|block| block.text + "\n").collect()
}

/// Whether a line is this command and nothing else, a remark apart.
fn says(line: &str, command: &str) -> bool {
    line.split(" #").next().unwrap_or_default().trim() == command
}

/// A shell with all that it started; none of it outlives this value.
struct Bash<'a> {
    child: Child,
    world: &'a World,
}

impl<'a> Bash<'a> {
    fn start(script: &str, world: &'a World, home: &Path, said: &File) -> Self {
        let pipe = || said.try_clone().expect("a file handle");
        let path = std::env::var_os("PATH").expect("a search path");
        let child = Command::new("bash")
            .args(["-c", script])
            .current_dir(home)
            // Nothing of the caller's surroundings: proxies, log levels, cargo's own.
            .env_clear()
            .env("PATH", path)
            .env("HOME", home)
            .env("TMPDIR", world.path())
            .env("LAB", env!("CARGO_BIN_EXE_lab"))
            .stdin(Stdio::null())
            .stdout(pipe())
            .stderr(pipe())
            .spawn()
            .expect("the pages' commands are for bash");
        Self { child, world }
    }

    /// How it ended; `None` when it had not at the deadline.
    fn end(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Bash<'_> {
    /// Kills what is left: all of it, whatever group or session it has moved to, has this
    /// world's folder in its environment.
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = self.world.processes();
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
