//! The exit code of a program, and the error line on standard error.

use std::io::Write;
use std::process::ExitCode;

/// The exit code for an error in the command line, or one that kept the program from
/// starting.
pub const USAGE: u8 = 2;

/// Turns the result of `main` into an exit code. An error is printed as one line on
/// standard error, with its causes and without a stack trace.
#[must_use]
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("error: {}\n", format!("{error:#}").replace('\n', " "));
            let _no_place_is_left = std::io::stderr().write_all(line.as_bytes());
            ExitCode::from(USAGE)
        }
    }
}
