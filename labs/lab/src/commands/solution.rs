//! `lab solution`: one way to do it, for whoever has done it.

use super::exercise::Which;
use anyhow::{Context, bail};
use std::fs;

/// Show a solution of an exercise that you have solved
#[derive(clap::Args, Debug)]
pub(crate) struct SolutionArgs {
    #[command(flatten)]
    which: Which,
}

pub(crate) fn run(args: &SolutionArgs) -> anyhow::Result<()> {
    let (desk, manifest) = args.which.find()?;
    let id = manifest.short_id();
    if !desk.progress.of(&manifest.id).solved {
        bail!("first solve it: cargo lab run {id}. Stuck? cargo lab hint {id}");
    }
    let folder = desk.home.solution(&manifest.id);
    if !folder.is_dir() {
        bail!("whoever gave you this lab kept the solutions: ask them");
    }
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let path = folder.join(file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        println!("// {file} of the solution\n\n{text}");
    }
    println!("// to see what differs from yours:");
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let yours = desk.path_of(&manifest, file);
        println!("//   diff -u {yours} {}", folder.join(file).display());
    }
    Ok(())
}
