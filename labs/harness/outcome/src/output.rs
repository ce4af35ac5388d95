//! Standard output and standard error of a program. Output errors never lose work.
//!
//! A closed pipe is no error, because its reader has read enough: the program goes on, and
//! its exit code is the same. Any other error, such as a full disk, means that the results
//! were lost: the program goes on, so that its files are complete, and ends as a harness
//! error.

use crate::Outcome;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// The first error of standard output. After it nothing more is written there.
static FIRST_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// Writes text to standard output.
pub fn print(text: impl Display) {
    print_bytes(text.to_string().as_bytes());
}

/// Writes a line to standard output.
pub fn print_line(text: impl Display) {
    print(format_args!("{text}\n"));
}

/// Writes bytes to standard output.
pub fn print_bytes(bytes: &[u8]) {
    let mut first = FIRST_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
    if first.is_none() {
        *first = write_all(&mut io::stdout(), bytes).err();
    }
}

/// Writes a line that is not a result, to standard error. If that fails, no place is left
/// for a message.
pub fn remark(text: impl Display) {
    let _no_place_is_left = write_all(&mut io::stderr(), format!("{text}\n").as_bytes());
}

/// The exit code of a program that ends with `code`: [`Outcome::HarnessError`] with a line
/// on standard error if its output was lost. Call it once, at the end of `main`.
#[must_use]
pub fn finish(code: ExitCode) -> ExitCode {
    print_bytes(b"");
    let first = FIRST_ERROR.lock().unwrap_or_else(PoisonError::into_inner);
    match first.as_ref().filter(|error| !is_closed_pipe(error)) {
        None => code,
        Some(error) => {
            remark(format_args!("error: cannot write the output: {error}"));
            Outcome::HarnessError.exit_code()
        }
    }
}

fn write_all(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).and_then(|()| to.flush())
}

fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}
