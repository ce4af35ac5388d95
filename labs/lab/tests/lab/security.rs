//! The appendix names an existing test for each of the forty promises in `docs/security.md`.

use crate::markdown::{page, top};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PROMISES: usize = 40;

#[test]
fn every_security_promise_names_an_existing_test() {
    let known = test_names();
    let text = page("docs/appendix-tests.md").text;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .filter(|cells: &Vec<_>| cells.len() == 3 && cells[0].parse::<usize>().is_ok())
        .collect();
    let numbers: Vec<_> = rows.iter().map(|row| row[0].parse::<usize>()).collect();
    assert_eq!(numbers, (1..=PROMISES).map(Ok).collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for row in rows {
        for name in row[2].split(", ") {
            let name = name.trim_matches('`');
            if !known.contains(name) {
                wrong.push(format!("{}: {name}", row[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "promises without a test:\n{}", wrong.join("\n"));
}

/// The names of all functions in the folders with tests.
fn test_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let folders = ["phase1-mockup", "phase2-production"].map(|name| top().join(name));
    for source in folders.iter().flat_map(|folder| sources(folder)) {
        let text = fs::read_to_string(source).expect("sources are text");
        let functions =
            text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
        names.extend(functions.map(str::to_owned));
    }
    assert!(names.len() > 100, "the tests have moved");
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}
