//! What can be seen without running anything.

use super::{Finding, folders};
use crate::check::Suite;
use crate::home::Home;
use crate::manifest::Manifest;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;
use std::fs;

/// Where to look, which concept, nearly code.
const HINTS: usize = 3;

/// Mistakes that have to be caught, at least.
const MISTAKES: usize = 2;

const BEGIN: &str = "<!-- tests -->\n";
const END: &str = "<!-- end of tests -->";

pub(super) fn look(home: &Home, manifest: &Manifest, suite: Suite) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new("manifest and checks name the same", same_checks(manifest, suite)),
        Finding::new("three hints for each task", hints(manifest)),
        Finding::new("the README says what is tested", readme(home, manifest)),
        Finding::new(
            "the starter is there, with something to do",
            starter(home, manifest),
        ),
    ];
    if home.solution(&manifest.id).is_dir() {
        findings.push(Finding::new("mistakes to catch", mistakes(home, manifest)));
    }
    findings
}

fn same_checks(manifest: &Manifest, suite: Suite) -> anyhow::Result<()> {
    let stated: BTreeSet<_> =
        manifest.checks.iter().map(|check| check.id.as_str()).collect();
    let written: BTreeSet<_> = suite.checks.iter().map(|check| check.id).collect();
    let differ: Vec<_> = stated.symmetric_difference(&written).copied().collect();
    ensure!(differ.is_empty(), "only in one of the two: {}", differ.join(", "));
    ensure!(manifest.max_points() > 0, "no check is worth anything");
    Ok(())
}

fn hints(manifest: &Manifest) -> anyhow::Result<()> {
    for task in &manifest.tasks {
        let (title, count) = (&task.title, task.hints.len());
        ensure!(count == HINTS, "task {title} has {count} hints, not {HINTS}");
        for hint in &task.hints {
            ensure!(
                hint.question.trim().ends_with('?'),
                "no question: {:?}",
                hint.question
            );
            ensure!(!hint.answer.trim().is_empty(), "no answer to {:?}", hint.question);
        }
    }
    Ok(())
}

fn readme(home: &Home, manifest: &Manifest) -> anyhow::Result<()> {
    let text = fs::read_to_string(home.exercises().join(&manifest.id).join("README.md"));
    let text = text.context("cannot read README.md")?;
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

fn starter(home: &Home, manifest: &Manifest) -> anyhow::Result<()> {
    let folder = home.exercises().join(&manifest.id);
    let mut to_do = false;
    for file in manifest.editable.iter().filter(|file| !file.ends_with('/')) {
        let text = fs::read_to_string(folder.join(file)).with_context(|| file.clone())?;
        to_do |= text.contains("TODO");
    }
    ensure!(to_do, "no file of the reader's says TODO");
    Ok(())
}

fn mistakes(home: &Home, manifest: &Manifest) -> anyhow::Result<()> {
    let count = folders(&home.wrong_answers(&manifest.id)).len();
    ensure!(count >= MISTAKES, "{count} wrong answers, and there should be {MISTAKES}");
    Ok(())
}
