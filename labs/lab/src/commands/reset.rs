//! `lab reset`: the reader's files as they were handed out. What they were is kept.

use super::exercise::Which;
use anyhow::{Context, bail};
use std::fs;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

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
    let handed_out: Vec<_> =
        manifest.editable.iter().filter(|file| !file.ends_with('/')).collect();
    if handed_out.iter().all(|file| has_same_bytes(&own.join(file), &original.join(file)))
    {
        println!("Nothing to do: {files} as handed out");
        return Ok(());
    }
    if !args.yes
        && !agreed(&format!("Start {} over? This is about: {files}.", manifest.id))?
    {
        return Ok(());
    }
    let kept = free_place(&own);
    for file in handed_out {
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

fn has_same_bytes(one: &Path, other: &Path) -> bool {
    let read = |path| fs::read(path).ok();
    read(one).is_some_and(|bytes| read(other) == Some(bytes))
}

/// Where what was there is kept: a new folder each time, so that no reset takes away what
/// an earlier one has kept.
fn free_place(own: &Path) -> PathBuf {
    let first = std::iter::once(own.join(".before-reset"));
    let later = (2_u32..).map(|number| own.join(format!(".before-reset-{number}")));
    let mut free = first.chain(later).filter(|place| !place.exists());
    free.next().expect("there are more numbers than folders")
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
