//! A class of sample submissions, to measure how long grading takes. They are made of the
//! starter, the solution and the wrong answers, and no two are equal.

use super::overlay::copy;
use super::wrong_answer::WrongAnswer;
use crate::manifest::Manifest;
use crate::paths::{LabPaths, WORK_FOLDER};
use anyhow::{Context, ensure};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// The base of a sample submission.
enum Sample {
    Starter,
    Solution,
    Wrong(WrongAnswer),
}

/// Writes `count` submissions of one exercise into a folder, and returns their names: a
/// number and the base. Each of the student's files gets a comment of its own, so that
/// every submission has to be compiled.
///
/// # Errors
/// When there is no solution, when the folder exists, or when it cannot be written.
pub fn make_sample_class(
    paths: &LabPaths,
    manifest: &Manifest,
    count: usize,
    class: &Path,
) -> anyhow::Result<Vec<String>> {
    let solution = paths.solution(&manifest.id);
    ensure!(solution.is_dir(), "{} does not exist", solution.display());
    ensure!(!class.exists(), "{} exists already", class.display());
    let mut samples = vec![Sample::Solution, Sample::Starter];
    samples.extend(WrongAnswer::all(paths, &manifest.id).into_iter().map(Sample::Wrong));
    let mut names = Vec::new();
    for (number, sample) in (1..=count).zip(samples.iter().cycle()) {
        let name = format!("{number:02}-{}", sample.name());
        let exercise = class.join(&name).join(WORK_FOLDER).join(&manifest.id);
        copy(&paths.exercises().join(&manifest.id), &exercise)?;
        match sample {
            Sample::Starter => {}
            Sample::Solution => copy(&solution, &exercise)?,
            Sample::Wrong(answer) => answer.export(&exercise)?,
        }
        sign(manifest, &exercise, &name)?;
        names.push(name);
    }
    Ok(names)
}

impl Sample {
    fn name(&self) -> &str {
        match self {
            Self::Starter => "starter",
            Self::Solution => "solution",
            Self::Wrong(answer) => &answer.name,
        }
    }
}

fn sign(manifest: &Manifest, exercise: &Path, name: &str) -> anyhow::Result<()> {
    for file in manifest.editable.iter().filter(|file| file.ends_with(".rs")) {
        let path = exercise.join(file);
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "\n// Handed in as {name}."))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
