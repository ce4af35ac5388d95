//! Measurements that a sceptic can repeat, one file per question. See `benches/`.
//!
//! This library needs no server: it decides whether a run measures or only shows that the
//! benches still work, and which sizes of a session cannot be true.

use std::os::unix::process::CommandExt;
use std::process::Command;

pub mod sizes;

/// The first call of every program. `cargo test -- …` passes the same arguments to every test
/// program, and criterion rejects unknown ones: `--test-threads` is removed, because a program
/// is one test, and `--skip` ends the program if it matches its name.
///
/// # Panics
/// When this program cannot be started again with the remaining arguments.
pub fn begin(program: &str) {
    let written: Vec<_> = std::env::args().skip(1).collect();
    let Some(left) = without_what_is_for_libtest(program, written.iter().cloned()) else {
        println!("{program}: skipped");
        std::process::exit(0);
    };
    if left != written {
        let this = std::env::current_exe().expect("this program can be found");
        let failed = Command::new(this).args(left).exec();
        panic!("{program} cannot be run again: {failed}");
    }
}

/// [`None`] if this program is to be skipped.
fn without_what_is_for_libtest(
    program: &str,
    mut written: impl Iterator<Item = String>,
) -> Option<Vec<String>> {
    let mut left = Vec::new();
    while let Some(arg) = written.next() {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        if !["--skip", "--test-threads"].contains(&flag) {
            left.push(arg);
            continue;
        }
        let value = value.or_else(|| written.next()).unwrap_or_default();
        if flag == "--skip" && program.contains(&value) {
            return None;
        }
    }
    Some(left)
}

/// Whether this run measures. `cargo bench` passes `--bench`; `cargo test` does not, and then
/// each measurement is made once, with little work.
#[must_use]
pub fn measures() -> bool {
    asks_for_figures(std::env::args())
}

/// The work of a measurement, or the little that shows that it works.
#[must_use]
pub fn at_full_size<T>(full: T, little: T) -> T {
    if measures() { full } else { little }
}

/// `cargo bench … -- --test` measures nothing either: criterion defines it so.
fn asks_for_figures(args: impl Iterator<Item = String>) -> bool {
    let (mut bench, mut test) = (false, false);
    for arg in args {
        bench |= arg == "--bench";
        test |= arg == "--test";
    }
    bench && !test
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(args: &[&str]) -> bool {
        asks_for_figures(args.iter().map(ToString::to_string))
    }

    #[test]
    fn arguments_unknown_to_criterion_are_removed() {
        let left = |written: &[&str]| {
            let written = written.iter().map(ToString::to_string);
            without_what_is_for_libtest("session_map", written)
        };
        let said = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
        assert_eq!(left(&["--skip", "docs", "16"]), said(&["16"]));
        assert_eq!(left(&["--test-threads=1", "--nocapture"]), said(&["--nocapture"]));
        assert_eq!(left(&["--exact", "--test-threads", "1"]), said(&["--exact"]));
        assert_eq!(
            left(&["--bench", "--save-baseline=a"]),
            said(&["--bench", "--save-baseline=a"])
        );
        assert_eq!(
            left(&["--skip", "a", "--skip=session"]),
            None,
            "it has it in its name"
        );
    }

    #[test]
    fn only_cargo_bench_measures_figures() {
        assert!(asked(&["program", "--bench"]));
        assert!(asked(&["program", "a filter", "--bench"]));
        assert!(!asked(&["program"]));
        assert!(!asked(&["program", "--test"]));
        assert!(!asked(&["program", "--test", "--bench"]));
    }
}
