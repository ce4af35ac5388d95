//! Generates the submissions of a class, to measure how long grading one takes. They are
//! made from the starter, the solution and the wrong answers, and no two are equal.

use super::{folders, overlay::copy};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::place::WORK;
use anyhow::{Context, ensure};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `count` submissions of one exercise into a folder and returns their names: a
/// number and the kind of answer. Each of the student's files gets a comment of its own,
/// so that each submission has to be compiled.
///
/// # Errors
/// When there is no solution, or the folder exists or cannot be written.
pub fn rehearse(
    home: &Home,
    manifest: &Manifest,
    count: usize,
    class: &Path,
) -> anyhow::Result<Vec<String>> {
    let solution = home.solution(&manifest.id);
    ensure!(solution.is_dir(), "{} does not exist", solution.display());
    ensure!(!class.exists(), "{} exists already", class.display());
    let mistakes = folders(&home.wrong_answers(&manifest.id));
    let mut kinds: Vec<(String, Vec<PathBuf>)> = vec![
        ("solution".to_owned(), vec![solution.clone()]),
        ("starter".to_owned(), vec![]),
    ];
    kinds.extend(mistakes.into_iter().map(|mistake| {
        let name = mistake.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, vec![solution.clone(), mistake])
    }));
    let mut names = Vec::new();
    for (number, (kind, layers)) in (1..=count).zip(kinds.iter().cycle()) {
        let name = format!("{number:02}-{kind}");
        let exercise = class.join(&name).join(WORK).join(&manifest.id);
        copy(&home.exercises().join(&manifest.id), &exercise)?;
        for layer in layers {
            copy(layer, &exercise)?;
        }
        sign(manifest, &exercise, &name)?;
        names.push(name);
    }
    Ok(names)
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
