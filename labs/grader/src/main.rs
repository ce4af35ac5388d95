//! The sandbox as a separate program for this crate's tests. The lab uses `lab sandbox`.

use std::process::ExitCode;

fn main() -> ExitCode {
    grader::sandbox::main(std::env::args_os().skip(1))
}
