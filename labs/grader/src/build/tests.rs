//! Whose fault it is that there is no program, by what cargo says.

use super::*;

const ID: &str = "x-01-double";

const LINKER: &str = "warning: unused variable: `a`\n --> x-01-double/src/answer.rs:2:1\n\n\
    error: linking with `cc` failed: exit status: 1\n  |\n  = note: ld: cannot find -lx\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

const KILLED: &str = "error: could not compile `x-01-double` (bin \"x-01-double\")\n\n\
    Caused by:\n  process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)";

const FULL: &str = "error: failed to write `target/x.d`: No space left on device (os error 28)\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

const DEPENDENCY: &str = "error[E0425]: cannot find value `x`\n --> support/src/lib.rs:3:1\n\n\
    error: could not compile `support` (lib) due to 1 previous error";

const THEIRS: &str = "error: my own\n\n       words\n  --> x-01-double/src/answer.rs:2:1\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

#[test]
fn what_the_compiler_finds_in_the_exercise_is_its_authors() {
    let why_not = why_not(End::Badly, THEIRS, ID).expect("not the lab's");
    assert!(matches!(why_not, Some(Built::Refused(said)) if said.contains("my own")));
}

#[test]
fn what_else_keeps_it_from_being_compiled_is_the_labs() {
    for said in [LINKER, KILLED, FULL, DEPENDENCY, ""] {
        assert!(why_not(End::Badly, said, ID).is_err(), "{said}");
    }
    assert!(why_not(End::NotStarted, "", ID).is_err());
    assert!(why_not(End::Told, THEIRS, ID).is_err());
}

#[test]
fn of_a_build_that_takes_too_long_nobody_can_tell_whose_fault_it_is() {
    let slow = why_not(End::Time, "", ID).expect("not the lab's");
    assert!(matches!(slow, Some(Built::Slow(why)) if why.contains("within 120 s")));
}
