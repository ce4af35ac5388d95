//! `lab bench`: hands over to the benchmark, which is a program of its own, because figures
//! of a debug build are none and peers are nothing that a server should be built with.

use anyhow::Context;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");

/// Measure what one request costs, beside peers in the same rounds
///
/// Builds for speed first, which takes minutes the first time, and then takes the machine
/// for itself. The flags are those of the benchmark:
///
///   --quick         fewer and shorter turns: a few minutes
///   --save DIR      keep the report as JSON, Markdown and plots
///   --against FILE  hold the ratios against those of a kept report
///   --json          print the report as JSON
///   --assert        exit with 1 if a target is missed or a ratio differs
///   --backing KIND  from where Redis is taken
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct BenchArgs {
    /// Flags of the benchmark
    #[arg(value_name = "FLAGS", trailing_var_arg = true, allow_hyphen_values = true)]
    flags: Vec<OsString>,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["run", "--release", "--locked", "--manifest-path", WORKSPACE]);
    command.args(["--package", "benchmark", "--"]).args(&args.flags);
    // It takes this process's place, and with it the terminal and its signals.
    let failed = command.exec();
    Err(failed).with_context(|| format!("cannot start {}", cargo.display()))
}
