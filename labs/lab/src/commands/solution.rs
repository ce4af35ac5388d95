//! `lab solution`: shows a solution after the exercise is solved.

use super::exercise::ExerciseArgs;
use crate::screen::print_line;
use anyhow::{Context, bail};
use std::fs;

/// Show the solution of an exercise that you have solved
#[derive(clap::Args, Debug)]
pub(crate) struct SolutionArgs {
    #[command(flatten)]
    which: ExerciseArgs,
}

pub(crate) fn run(args: &SolutionArgs) -> anyhow::Result<()> {
    let (workspace, manifest) = args.which.find()?;
    let id = manifest.short_id();
    if !workspace.progress.of(&manifest.id).solved {
        bail!(
            "solve the exercise first: {}. Stuck? {}",
            workspace.command(&format!("run {id}")),
            workspace.command(&format!("hint {id}"))
        );
    }
    let folder = workspace.paths.solution(&manifest.id);
    if !folder.is_dir() {
        bail!("this copy of the lab has no solutions: ask your teacher");
    }
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let path = folder.join(file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        print_line(format_args!("// {file} of the solution\n\n{text}"));
    }
    print_line("// to see the differences from yours:");
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let yours = workspace.path_of(&manifest, file);
        print_line(format_args!("//   diff -u {yours} {}", folder.join(file).display()));
    }
    Ok(())
}
