//! `lab watch`, with somebody at the keyboard.

use crate::judging::{BUILD, Work, solution};
use crate::run::until_within;
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// A `lab watch` that runs.
struct Watched {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Watched {
    fn start(work: &Work, options: &[&str]) -> Self {
        let args = [&["watch", "p1-01", "--in", "mine"], options].concat();
        let mut command = work.world.command(&args);
        command.current_dir(work.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("lab starts");
        let mut output = child.stdout.take().expect("it is piped");
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let more = String::from_utf8_lossy(&buffer[..read]);
                heard.lock().expect("nobody panics").push_str(&more);
            }
        });
        Self { child, said }
    }

    fn said(&self) -> String {
        self.said.lock().expect("nobody panics").clone()
    }

    fn until_said(&self, what: &str, times: usize) {
        until_within(BUILD, what, || self.said().matches(what).count() >= times);
    }

    fn type_in(&mut self, keys: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        input.write_all(keys.as_bytes()).expect("it reads");
    }

    fn until_it_ends_well(&mut self) {
        until_within(BUILD, "it ends", || {
            self.child.try_wait().expect("it is ours").is_some()
        });
        assert!(self.child.wait().expect("it has ended").success(), "{}", self.said());
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _has_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn what_is_saved_is_checked_while_somebody_watches() {
    let work = Work::new();
    let file = work.hand_out("mine");
    let mut watched = Watched::start(&work, &[]);
    watched.until_said("r run, h hint, l list, q quit, and Enter; or save a file", 1);
    let answer = fs::read_to_string(&file).expect("the starter");
    fs::write(&file, format!("{answer}\n// saved\n")).expect("it can be written");
    watched.until_said("checking p1-01", 2);
    watched.until_said("0 of 15 points", 2);
    watched.type_in("q\n");
    watched.until_it_ends_well();
    work.world.until_empty();
}

#[test]
fn who_runs_checks_by_hand_has_keys_for_all_there_is_to_do() {
    let work = Work::new();
    work.hand_out("mine");
    let mut watched = Watched::start(&work, &["--manual-run"]);
    watched.until_said("q quit, and Enter\n", 1);
    watched.type_in("h\n");
    watched.until_said("2 more: h again", 1);
    watched.type_in("n\n");
    watched.until_said("First this one", 1);
    watched.type_in("l\n");
    watched.until_said("The circuit breaker", 1);
    watched.type_in("r\n");
    watched.until_said("0 of 15 points", 2);
    assert!(!watched.said().contains("save a file"), "{}", watched.said());
    drop(watched.child.stdin.take());
    watched.until_it_ends_well();
}

/// A program that hangs takes its time, and whoever sees why does not have to wait for it.
#[test]
fn who_wants_to_leave_or_to_begin_again_need_not_wait_for_the_check() {
    let work = Work::new();
    let hangs = solution()
        .replace("-> Self {", "-> Self {\n        loop { std::thread::park() }\n");
    assert!(hangs.contains("park()"), "or this shows nothing");
    fs::write(work.hand_out("mine"), hangs).expect("it can be written");
    let mut watched = Watched::start(&work, &[]);
    watched.until_said("checking p1-01", 1);
    watched.type_in("r\n");
    watched.until_said("checking p1-01", 2);
    watched.type_in("h\nq\n");
    watched.until_it_ends_well();
    assert!(!watched.said().contains("points"), "{}", watched.said());
    work.world.until_empty();
}
