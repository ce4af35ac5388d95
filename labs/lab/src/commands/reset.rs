//! `lab reset`: the reader's files as they were handed out. What they were is kept.

use super::exercise::Which;
use anyhow::{Context, bail};
use std::fs;
use std::io::{BufRead, IsTerminal, Write};

/// Start an exercise over
#[derive(clap::Args, Debug)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    which: Which,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(args: &ResetArgs) -> anyhow::Result<()> {
    let (desk, manifest) = args.which.find()?;
    if desk.is_the_original() {
        bail!("this is the original: there is nothing to go back to but git's copy");
    }
    let (own, original) =
        (desk.folder.join(&manifest.id), desk.home.exercises().join(&manifest.id));
    let files = manifest.editable.join(", ");
    if !args.yes
        && !agreed(&format!("Start {} over? This is about: {files}.", manifest.id))?
    {
        return Ok(());
    }
    let kept = own.join(".before-reset");
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
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
    println!("As it was handed out: {files}. What it was is in {}", kept.display());
    Ok(())
}

/// Whether somebody at a keyboard says yes.
fn agreed(question: &str) -> anyhow::Result<bool> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        bail!("nobody is there to ask: give --yes");
    }
    print!("{question} [y/n] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
