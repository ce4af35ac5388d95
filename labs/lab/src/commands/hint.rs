//! `lab hint`: shows one more hint each time. Hints cost no points; their number is kept.

use super::exercise::{ExerciseArgs, Workspace};
use crate::screen::{print, remark, wrapped};
use anyhow::{Context, bail};
use console::style;
use grader::Manifest;

/// Show the next hint of a task
///
/// The hints of a task give the place in the code, the idea, and almost the solution. The
/// default task is the first one with a failed check in the last run.
#[derive(clap::Args, Debug)]
pub(crate) struct HintArgs {
    #[command(flatten)]
    which: ExerciseArgs,

    /// Number of the task in the README
    #[arg(long, value_name = "N")]
    task: Option<usize>,
}

pub(crate) fn run(args: &HintArgs) -> anyhow::Result<()> {
    let (mut workspace, manifest) = args.which.find()?;
    let again = workspace.command(&format!("hint {}", manifest.short_id()));
    print(next(&mut workspace, &manifest, args.task, &again)?);
    Ok(())
}

/// The hints of a task that were shown before, and the next one. `again` is the command
/// or key for another.
pub(crate) fn next(
    workspace: &mut Workspace,
    manifest: &Manifest,
    task: Option<usize>,
    again: &str,
) -> anyhow::Result<String> {
    let progress = workspace.progress.of(&manifest.id);
    let number = task.unwrap_or(progress.task.max(1));
    let Some(index) = number.checked_sub(1) else {
        bail!("tasks are counted from 1");
    };
    let count = manifest.tasks.len();
    let task = manifest.tasks.get(index);
    let task =
        task.with_context(|| format!("{} has {count} tasks", manifest.short_id()))?;
    let seen = progress.hints.get(&number).copied().unwrap_or_default();
    let seen = seen.saturating_add(1).min(task.hints.len());
    let kept = workspace.progress.change(&manifest.id, |progress| {
        progress.hints.insert(number, seen);
    });
    if let Err(error) = kept {
        remark(format_args!("note: {error:#}"));
    }
    let mut text =
        format!("{}\n", style(format!("Task {number}: {}", task.title)).bold());
    for hint in &task.hints[..seen] {
        text.push_str(&format!("\n{}\n", style(&hint.question).cyan()));
        text.push_str(&format!("{}\n", answer(&hint.answer)));
    }
    let remaining = task.hints.len() - seen;
    if remaining > 0 {
        text.push_str(&format!("\n{remaining} more, again with: {again}\n"));
    } else {
        text.push_str("\nThese are all hints of this task.\n");
    }
    Ok(text)
}

/// Wraps prose, and leaves code as it is.
fn answer(text: &str) -> String {
    let code =
        text.lines().any(|line| line.contains([';', '{']) || line.starts_with(' '));
    if !code {
        return wrapped(text, 2);
    }
    let lines: Vec<_> = text.trim().lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}
