//! `lab dev class`: sample submissions, to measure how long grading takes.

use super::exercise;
use crate::screen::print_line;
use crate::shell;
use grader::LabPaths;
use grader::author::make_sample_class;
use std::path::PathBuf;

/// Write a class of sample submissions, to measure how long grading takes
///
/// The submissions are made of the starter, the solution and the wrong answers. No two are
/// equal.
#[derive(clap::Args, Debug)]
pub(super) struct ClassArgs {
    /// The exercise, such as p1-01
    #[arg(value_name = "ID")]
    id: String,

    /// The number of submissions
    #[arg(long, value_name = "N", default_value_t = 30)]
    count: usize,

    /// The folder to create
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub(super) fn class(args: &ClassArgs) -> anyhow::Result<()> {
    let paths = LabPaths::here()?;
    let manifest = exercise(&paths, &args.id)?;
    let names = make_sample_class(&paths, &manifest, args.count, &args.to)?;
    let folder = shell::quoted(&args.to);
    print_line(format_args!(
        "{} submissions of {} in {folder}",
        names.len(),
        manifest.id
    ));
    let short = manifest.short_id();
    print_line(format_args!(
        "to grade them: cargo lab grade {short} --submissions {folder}"
    ));
    Ok(())
}
