//! Properties of an exercise that are checked without running it.

use super::{AuthorCheckResult, WrongAnswer};
use crate::check::Suite;
use crate::manifest::Manifest;
use crate::paths::LabPaths;
use crate::source_text::with_line_feeds;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use std::fs;

/// Hints of each task: the place, the concept, and nearly the code.
const HINTS: usize = 3;

/// The minimum number of wrong answers.
const MIN_WRONG_ANSWERS: usize = 2;

const BEGIN: &str = "<!-- tests -->\n";
const END: &str = "<!-- end of tests -->";

pub(super) fn check(
    paths: &LabPaths,
    manifest: &Manifest,
    suite: Suite,
) -> Vec<AuthorCheckResult> {
    let new = AuthorCheckResult::new;
    let mut results = vec![
        new("the manifest lists the suite's checks", same_checks(manifest, suite)),
        new("each task has three hints", hints(manifest)),
        new("the README lists the checks", readme(paths, manifest)),
        new("the starter exists and has a TODO", starter(paths, manifest)),
    ];
    if paths.solution(&manifest.id).is_dir() {
        results.push(new("there are wrong answers", wrong_answers(paths, manifest)));
    }
    results
}

fn same_checks(manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
    let stated: BTreeSet<_> =
        manifest.checks.iter().map(|check| check.id.as_str()).collect();
    let written: BTreeSet<_> = suite.checks.iter().map(|check| check.id).collect();
    let differ: Vec<_> = stated.symmetric_difference(&written).copied().collect();
    ensure!(differ.is_empty(), "in one of the two only: {}", differ.join(", "));
    ensure!(manifest.max_points() > 0, "no check gives points");
    Ok(())
}

fn hints(manifest: &Manifest) -> anyhow::Result<()> {
    for task in &manifest.tasks {
        let (title, count) = (&task.title, task.hints.len());
        ensure!(count == HINTS, "task {title} has {count} hints, not {HINTS}");
        for hint in &task.hints {
            ensure!(
                hint.question.trim().ends_with('?'),
                "not a question: {:?}",
                hint.question
            );
            ensure!(!hint.answer.trim().is_empty(), "no answer to {:?}", hint.question);
        }
    }
    Ok(())
}

fn readme(paths: &LabPaths, manifest: &Manifest) -> anyhow::Result<()> {
    let text = fs::read_to_string(paths.exercises().join(&manifest.id).join("README.md"));
    let text = with_line_feeds(&text.context("cannot read README.md")?);
    let block = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (block, _) = block.with_context(|| format!("no {BEGIN}…{END} in README.md"))?;
    let expected = manifest.tests_block();
    ensure!(block == expected, "its list should be:\n{BEGIN}{expected}{END}");
    for heading in ["## Why", "## The task", "## What is tested", "## In the real world"]
    {
        ensure!(text.contains(heading), "README.md has no heading {heading:?}");
    }
    Ok(())
}

fn starter(paths: &LabPaths, manifest: &Manifest) -> anyhow::Result<()> {
    let folder = paths.exercises().join(&manifest.id);
    let mut to_do = false;
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let text = fs::read_to_string(folder.join(file)).with_context(|| file.clone())?;
        to_do |= text.contains("TODO");
    }
    ensure!(to_do, "no editable file contains TODO");
    Ok(())
}

fn wrong_answers(paths: &LabPaths, manifest: &Manifest) -> anyhow::Result<()> {
    let count = WrongAnswer::all(paths, &manifest.id).len();
    ensure!(
        count >= MIN_WRONG_ANSWERS,
        "{count} wrong answers; the minimum is {MIN_WRONG_ANSWERS}"
    );
    Ok(())
}
