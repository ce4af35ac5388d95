//! `lab hint`: one more hint each time, for the task that is next. Free, and counted.

use super::exercise::{Desk, Which};
use crate::screen::wrapped;
use anyhow::{Context, bail};
use console::style;
use grader::Manifest;

/// Show a hint: one more each time
///
/// The hints of a task say where to look, which idea is needed, and nearly how to write
/// it. The task is the first one that the last run found wrong.
#[derive(clap::Args, Debug)]
pub(crate) struct HintArgs {
    #[command(flatten)]
    which: Which,

    /// The task, by its number in the README
    #[arg(long, value_name = "N")]
    task: Option<usize>,
}

pub(crate) fn run(args: &HintArgs) -> anyhow::Result<()> {
    let (mut desk, manifest) = args.which.find()?;
    print!("{}", next(&mut desk, &manifest, args.task, "cargo lab hint")?);
    Ok(())
}

/// All hints of a task that have been looked at, and one more. `again` is what brings the
/// one after it.
pub(crate) fn next(
    desk: &mut Desk,
    manifest: &Manifest,
    task: Option<usize>,
    again: &str,
) -> anyhow::Result<String> {
    let standing = desk.progress.of(&manifest.id);
    let number = task.unwrap_or(standing.task.max(1));
    let Some(index) = number.checked_sub(1) else {
        bail!("tasks are counted from 1");
    };
    let count = manifest.tasks.len();
    let task = manifest.tasks.get(index);
    let task =
        task.with_context(|| format!("{} has {count} tasks", manifest.short_id()))?;
    let seen = standing.hints.get(&number).copied().unwrap_or_default();
    let seen = (seen + 1).min(task.hints.len());
    desk.progress.change(&manifest.id, |standing| {
        standing.hints.insert(number, seen);
    })?;
    let mut text =
        format!("{}\n", style(format!("Task {number}: {}", task.title)).bold());
    for hint in &task.hints[..seen] {
        text.push_str(&format!("\n{}\n", style(&hint.question).cyan()));
        text.push_str(&format!("{}\n", answer(&hint.answer)));
    }
    let left = task.hints.len() - seen;
    if left > 0 {
        text.push_str(&format!("\n{left} more: {again} again\n"));
    } else {
        text.push_str("\nThat is all there is for this task.\n");
    }
    Ok(text)
}

/// Prose is wrapped; what looks like code stays as it is.
fn answer(text: &str) -> String {
    let code =
        text.lines().any(|line| line.contains([';', '{']) || line.starts_with(' '));
    if !code {
        return wrapped(text, 2);
    }
    let lines: Vec<_> = text.trim().lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}
