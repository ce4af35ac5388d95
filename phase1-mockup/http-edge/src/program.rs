//! How a program ends: quietly, or with one line that says what to do.

use std::process::ExitCode;

/// The exit code of a program that could not do what its command line asked for.
pub const USAGE: u8 = 2;

/// Turns the outcome of `main` into an exit code. An error becomes one line on standard
/// error, causes included; never a stack trace.
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
