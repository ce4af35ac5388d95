//! The cage as a program of its own, for this crate's tests; in the lab it is `lab cage`.

use std::process::ExitCode;

fn main() -> ExitCode {
    grader::cage::main(std::env::args_os().skip(1))
}
