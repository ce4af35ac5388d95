//! `lab sandbox`: runs a student's program within limits. The grader starts it.

use std::ffi::OsString;
use std::process::ExitCode;

/// Run a program within limits (started by the grader)
#[derive(clap::Args, Debug)]
pub(crate) struct SandboxArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(args: SandboxArgs) -> ExitCode {
    grader::sandbox::main(args.args.into_iter())
}
