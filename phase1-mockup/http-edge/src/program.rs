//! The exit code of a program, and the error line on standard error.

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
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::from(USAGE)
        }
    }
}
