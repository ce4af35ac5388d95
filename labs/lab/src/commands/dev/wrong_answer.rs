//! `lab dev wrong-answer`: edits the wrong answers, which are kept as patches.

use super::exercise;
use crate::screen::print_line;
use grader::LabPaths;
use grader::author::WrongAnswer;
use std::path::{Path, PathBuf};

/// Edit the wrong answers of an exercise, which are patches against the solution
///
/// Export writes them as files, save turns edited files into patches, rebase adapts the
/// patches to a solution that was changed. Changes of comments alone are not kept.
#[derive(clap::Args, Debug)]
pub(super) struct WrongAnswerArgs {
    #[command(subcommand)]
    command: WrongAnswerCommand,
}

#[derive(clap::Subcommand, Debug)]
enum WrongAnswerCommand {
    /// Write the solution's files with the patch applied to DIR/EXERCISE/NAME
    Export {
        #[command(flatten)]
        selection: Selection,
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Replace the patch by the difference to the files in DIR/EXERCISE/NAME
    Save {
        #[command(flatten)]
        selection: Selection,
        /// The folder with the edited files
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Adapt the patches to a changed solution
    ///
    /// Get the old solutions with `git archive REVISION labs/solutions | tar -x -C DIR`.
    #[command(override_usage = "cargo lab dev wrong-answer rebase \\\n         \
                                --from <DIR> --conflicts <DIR> <EXERCISE> [NAME]...")]
    Rebase {
        #[command(flatten)]
        selection: Selection,
        /// The folder with the old solutions, a folder for each exercise
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The folder for files with conflicts, as DIR/EXERCISE/NAME: edit, then save
        #[arg(long, value_name = "DIR")]
        conflicts: PathBuf,
    },
}

#[derive(clap::Args, Debug)]
struct Selection {
    /// The exercise, such as p1-01
    #[arg(value_name = "EXERCISE")]
    exercise: String,

    /// The wrong answers; all of the exercise by default
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(super) fn run(args: &WrongAnswerArgs) -> anyhow::Result<bool> {
    match &args.command {
        WrongAnswerCommand::Export { selection, to } => {
            selection.each(|id, answer| answer.export(&folder(to, id, answer)))
        }
        WrongAnswerCommand::Save { selection, from } => {
            selection.each(|id, answer| answer.save(&folder(from, id, answer)))
        }
        WrongAnswerCommand::Rebase { selection, from, conflicts } => {
            selection.each(|id, answer| {
                answer.rebase(&from.join(id), &folder(conflicts, id, answer))
            })
        }
    }
}

fn folder(parent: &Path, exercise: &str, answer: &WrongAnswer) -> PathBuf {
    parent.join(exercise).join(&answer.name)
}

impl Selection {
    /// Does the same with each, and reports each failure. Returns whether all succeeded.
    fn each(
        &self,
        action: impl Fn(&str, &WrongAnswer) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let paths = LabPaths::here()?;
        let id = exercise(&paths, &self.exercise)?.id;
        let mut answers = WrongAnswer::all(&paths, &id);
        if !self.names.is_empty() {
            let named = |name: &String| WrongAnswer::named(&paths, &id, name);
            answers = self.names.iter().map(named).collect();
        }
        let mut succeeded = true;
        for answer in &answers {
            if let Err(error) = action(&id, answer) {
                succeeded = false;
                print_line(format_args!("✘ {}: {error:#}", answer.name));
            }
        }
        print_line(format_args!("{} wrong answers of {id}", answers.len()));
        Ok(succeeded)
    }
}
