//! `lab reset`: restores the original files, and keeps the student's versions.

use super::exercise::ExerciseArgs;
use crate::screen::{print, print_line};
use anyhow::{Context, bail};
use grader::renamed::exercise_folder;
use grader::source_text::is_same_text;
use std::fs;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

/// Start an exercise again from the original files
#[derive(clap::Args, Debug)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    which: ExerciseArgs,

    /// Ask no question
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(args: &ResetArgs) -> anyhow::Result<()> {
    let (workspace, manifest) = args.which.find()?;
    if workspace.is_the_original() {
        bail!("this folder is the original: use git to restore it");
    }
    let (own, original) = (
        exercise_folder(&workspace.folder, &manifest.id),
        workspace.paths.exercises().join(&manifest.id),
    );
    let files = manifest.editable.join(", ");
    let originals: Vec<_> =
        manifest.editable.iter().filter(|file| !file.ends_with('/')).collect();
    if originals.iter().all(|file| has_same_text(&own.join(file), &original.join(file))) {
        print_line(format_args!("Nothing to do: you have not changed {files}"));
        return Ok(());
    }
    if !args.yes
        && !agreed(&format!("Restore the original of {}? Files: {files}.", manifest.id))?
    {
        return Ok(());
    }
    let kept = free_place(&own);
    for file in originals {
        let (path, copy) = (own.join(file), kept.join(file));
        if path.is_file() {
            fs::create_dir_all(copy.parent().context("a file lies in a folder")?)?;
            fs::copy(&path, &copy)
                .with_context(|| format!("cannot keep {}", path.display()))?;
        }
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::copy(original.join(file), &path)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    print_line(format_args!(
        "Restored the original: {files}. Your version is in {}",
        kept.display()
    ));
    Ok(())
}

fn has_same_text(one: &Path, other: &Path) -> bool {
    let (one, other) = (fs::read(one).ok(), fs::read(other).ok());
    one.zip(other).is_some_and(|(one, other)| is_same_text(&one, &other))
}

/// The folder for the student's versions: a new one each time, so that a reset never
/// overwrites the files of an earlier one.
fn free_place(own: &Path) -> PathBuf {
    let first = std::iter::once(own.join(".before-reset"));
    let later = (2_u32..).map(|number| own.join(format!(".before-reset-{number}")));
    let mut free = first.chain(later).filter(|place| !place.exists());
    free.next().expect("there are more numbers than folders")
}

/// Asks a question on the terminal. Returns whether the answer is yes.
fn agreed(question: &str) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("standard input is not a terminal: give --yes");
    }
    print(format_args!("{question} [y/n] "));
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
