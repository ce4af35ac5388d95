//! Cargo's output decides whether a failed build is the student's failure or a harness
//! error.

use super::*;

const ID: &str = "x-01-double";

const LINKER: &str = "warning: unused variable: `a`\n --> x-01-double/src/answer.rs:2:1\n\n\
    error: linking with `cc` failed: exit status: 1\n  |\n  = note: ld: cannot find -lx\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

const KILLED: &str = "error: could not compile `x-01-double` (bin \"x-01-double\")\n\n\
    Caused by:\n  process didn't exit successfully: `rustc` (signal: 9, SIGKILL: kill)";

const DISK_FULL: &str = "error: failed to write `target/x.d`: No space left on device (os error 28)\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

const DEPENDENCY: &str = "error[E0425]: cannot find value `x`\n --> support/src/lib.rs:3:1\n\n\
    error: could not compile `support` (lib) due to 1 previous error";

const COMPILE_ERROR: &str = "error: my own\n\n       words\n  --> x-01-double/src/answer.rs:2:1\n\n\
    error: could not compile `x-01-double` (bin \"x-01-double\") due to 1 previous error";

#[test]
fn error_in_the_exercise_is_a_compile_error() {
    let build_failure =
        build_failure(ExitReason::Failure, COMPILE_ERROR, ID).expect("not the lab's");
    assert!(
        matches!(build_failure, Some(Built::CompileError(output)) if output.contains("my own"))
    );
}

#[test]
fn other_build_failures_are_harness_errors() {
    for output in [LINKER, KILLED, DISK_FULL, DEPENDENCY, ""] {
        assert!(build_failure(ExitReason::Failure, output, ID).is_err(), "{output}");
    }
    assert!(build_failure(ExitReason::NotStarted, "", ID).is_err());
    assert!(build_failure(ExitReason::Requested, COMPILE_ERROR, ID).is_err());
}

#[test]
fn build_timeout_is_inconclusive() {
    let slow = build_failure(ExitReason::TimeLimit, "", ID).expect("not the lab's");
    assert!(matches!(slow, Some(Built::TimedOut(why)) if why.contains("within 120 s")));
}
