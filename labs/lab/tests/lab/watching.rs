//! `lab watch` with input from a keyboard.

use crate::judging::{BUILD_TIMEOUT, Work, solution};
use crate::run::until_within;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// A running `lab watch`.
struct Watched {
    child: Child,
    printed: Arc<Mutex<String>>,
}

impl Watched {
    fn start(work: &Work, options: &[&str]) -> Self {
        let args = [&["watch", "p1-01", "--in", "mine"], options].concat();
        let mut command = work.lab.command(&args);
        command.current_dir(work.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("lab starts");
        let mut output = child.stdout.take().expect("it is piped");
        let printed = Arc::new(Mutex::new(String::new()));
        let output_text = Arc::clone(&printed);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let more = String::from_utf8_lossy(&buffer[..read]);
                output_text.lock().expect("no thread panics").push_str(&more);
            }
        });
        Self { child, printed }
    }

    fn printed(&self) -> String {
        self.printed.lock().expect("no thread panics").clone()
    }

    fn until_printed(&self, what: &str, times: usize) {
        until_within(BUILD_TIMEOUT, what, || {
            self.printed().matches(what).count() >= times
        });
    }

    fn type_in(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(keys.as_bytes()).expect("it reads");
    }

    fn until_it_ends_well(&mut self) {
        until_within(BUILD_TIMEOUT, "it ends", || {
            self.child.try_wait().expect("it is ours").is_some()
        });
        assert!(self.child.wait().expect("it has ended").success(), "{}", self.printed());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _has_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn saved_file_is_checked_by_watch() {
    let work = Work::new();
    let file = work.copy_original("mine");
    let mut watched = Watched::start(&work, &[]);
    watched.until_printed("r run, h hint, l list, q quit, and Enter; or save a file", 1);
    let answer = fs::read_to_string(&file).expect("the starter");
    fs::write(&file, format!("{answer}\n// saved\n")).expect("it can be written");
    watched.until_printed("checking p1-01", 2);
    watched.until_printed("0 of 15 points", 2);
    watched.type_in("q\n");
    watched.until_it_ends_well();
    work.lab.until_empty();
}

#[test]
fn manual_watch_has_a_key_for_every_action() {
    let work = Work::new();
    work.copy_original("mine");
    let mut watched = Watched::start(&work, &["--manual-run"]);
    watched.until_printed("q quit, and Enter\n", 1);
    watched.type_in("h\n");
    watched.until_printed("2 more, again with: h", 1);
    watched.type_in("n\n");
    watched.until_printed("Solve this one first", 1);
    watched.type_in("l\n");
    watched.until_printed("The circuit breaker", 1);
    watched.type_in("r\n");
    watched.until_printed("0 of 15 points", 2);
    assert!(!watched.printed().contains("save a file"), "{}", watched.printed());
    drop(watched.child.stdin.take());
    watched.until_it_ends_well();
}

/// A hanging program runs into a time limit. The user does not have to wait for it.
#[test]
fn quit_and_restart_keys_end_a_hanging_check() {
    let work = Work::new();
    let hangs = solution()
        .replace("-> Self {", "-> Self {\n        loop { std::thread::park() }\n");
    assert!(hangs.contains("park()"), "or this shows nothing");
    fs::write(work.copy_original("mine"), hangs).expect("it can be written");
    let mut watched = Watched::start(&work, &[]);
    watched.until_printed("checking p1-01", 1);
    watched.type_in("r\n");
    watched.until_printed("checking p1-01", 2);
    watched.type_in("h\nq\n");
    watched.until_it_ends_well();
    assert!(!watched.printed().contains("points"), "{}", watched.printed());
    work.lab.until_empty();
}
