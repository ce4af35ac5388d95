//! Measurements that a sceptic can run again, one file a question. See `benches/`.
//!
//! Here is only what needs no server: whether a run is to measure or to show that it still
//! works, and which sizes of a session cannot be true.

use std::os::unix::process::CommandExt;
use std::process::Command;

pub mod sizes;

/// The first thing that a program does, by its name. `cargo test -- …` tells every test
/// program the same, and criterion takes none that it does not know: `--test-threads` is
/// left out, as a program is one test, and `--skip` ends the program if it means it.
///
/// # Panics
/// When this program cannot be run again with what is left.
pub fn begin(program: &str) {
    let told: Vec<_> = std::env::args().skip(1).collect();
    let Some(left) = without_what_is_for_libtest(program, told.iter().cloned()) else {
        println!("{program}: skipped");
        std::process::exit(0);
    };
    if left != told {
        let this = std::env::current_exe().expect("this program can be found");
        let failed = Command::new(this).args(left).exec();
        panic!("{program} cannot be run again: {failed}");
    }
}

/// [`None`] if this program is to be skipped.
fn without_what_is_for_libtest(
    program: &str,
    mut told: impl Iterator<Item = String>,
) -> Option<Vec<String>> {
    let mut left = Vec::new();
    while let Some(arg) = told.next() {
        let (flag, value) = match arg.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        if !["--skip", "--test-threads"].contains(&flag) {
            left.push(arg);
            continue;
        }
        let value = value.or_else(|| told.next()).unwrap_or_default();
        if flag == "--skip" && program.contains(&value) {
            return None;
        }
    }
    Some(left)
}

/// Whether this run is to measure. `cargo bench` says so with `--bench`; `cargo test` does
/// not, and then each measurement is made once, with little to do.
#[must_use]
pub fn measures() -> bool {
    asks_for_figures(std::env::args())
}

/// What a measurement needs, or the little that shows that it works.
#[must_use]
pub fn at_full_size<T>(full: T, little: T) -> T {
    if measures() { full } else { little }
}

/// `cargo bench … -- --test` is a run without figures, too: criterion has it so.
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
    fn what_criterion_does_not_know_is_not_told_to_it() {
        let left = |told: &[&str]| {
            let told = told.iter().map(ToString::to_string);
            without_what_is_for_libtest("session_map", told)
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
    fn figures_are_made_by_cargo_bench_and_not_by_cargo_test() {
        assert!(asked(&["program", "--bench"]));
        assert!(asked(&["program", "a filter", "--bench"]));
        assert!(!asked(&["program"]));
        assert!(!asked(&["program", "--test"]));
        assert!(!asked(&["program", "--test", "--bench"]));
    }
}
