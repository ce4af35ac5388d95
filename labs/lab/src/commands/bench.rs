//! `lab bench`: builds the benchmark for speed and runs it. It is a program of its own: a
//! debug build gives no valid figures, and its peers are no dependencies of a server.

use anyhow::Context;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The workspace that this program was built from.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");

/// Measure the cost of one request, beside other servers
///
/// Builds for speed first, which takes minutes the first time. The benchmark uses the whole
/// machine. Its flags:
///
///   --quick         Run fewer and shorter rounds: a few minutes
///   --save DIR      Save the report as JSON, Markdown and plots
///   --against FILE  Compare the ratios with those of a saved report
///   --json          Print the report as JSON: docs/json.md
///   --assert        Exit 1 if a target is missed or a ratio differs, 4 if a target could
///                   not be measured
///   --backing KIND  Source of Redis
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
    command.args(["run", "--profile", "measure", "--locked"]);
    command.args(["--manifest-path", WORKSPACE]);
    command.args(["--package", "benchmark", "--"]).args(&args.flags);
    // The benchmark replaces this process, and gets the terminal and its signals.
    let failed = command.exec();
    Err(failed).with_context(|| format!("cannot start {}", cargo.display()))
}
