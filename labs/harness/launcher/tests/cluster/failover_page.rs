//! The appendix of `docs/failover.md` lists every fault of the fault matrix, and every test
//! that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

/// The number of faults in the matrix.
const FAULTS: usize = 25;

/// The start of the cell of a fault without a test; the reason follows.
const NO_TEST: &str = "none:";

fn workspace_root() -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3);
    top.expect("the package is two folders below the root").to_owned()
}

/// The tests in a cell, each in backticks as `path/of/file.rs::name`.
fn tests_of(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

#[test]
fn every_fault_names_existing_tests() {
    let page = fs::read_to_string(workspace_root().join("docs/appendix-tests.md"))
        .expect("the page");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .filter(|cells: &Vec<_>| cells.len() == 4 && cells[0].parse::<usize>().is_ok())
        .collect();
    let numbers: Vec<_> = rows.iter().map(|row| row[0].parse::<usize>()).collect();
    assert_eq!(numbers, (1..=FAULTS).map(Ok).collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for row in rows {
        let tests = tests_of(row[3]);
        let without = row[3].starts_with(NO_TEST);
        if tests.is_empty() && !without {
            wrong.push(format!("fault {} has no test", row[0]));
        }
        let missing = tests.into_iter().filter(|test| !exists(test));
        wrong.extend(missing.map(|test| format!("fault {}: there is no {test}", row[0])));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The other direction: readers do not find a fault test that is missing in the document.
#[test]
fn every_fault_test_is_listed_in_the_document() {
    let page = fs::read_to_string(workspace_root().join("docs/appendix-tests.md"))
        .expect("the page");
    let folder = workspace_root().join("labs/harness/launcher/tests/cluster/faults");
    let mut missing = Vec::new();
    for file in fs::read_dir(folder).expect("the folder").flatten() {
        let text = fs::read_to_string(file.path()).expect("sources are text");
        let tests = text.split("#[test]\nfn ").skip(1);
        for name in tests.filter_map(|rest| rest.split('(').next()) {
            if !page.contains(&format!("::{name}`")) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in docs/promise-tests.tsv: {}", missing.join(", "));
}

fn exists(test: &str) -> bool {
    let Some((path, name)) = test.rsplit_once("::") else {
        return false;
    };
    let path = workspace_root().join(path);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let Some(at) = text.find(&format!("fn {name}(")) else {
        return false;
    };
    // A test has an attribute, or is in the list of a macro. Other functions are helpers.
    let above: Vec<_> = text[..at].lines().rev().take(4).collect();
    above.iter().any(|line| line.contains("#[test]") || line.contains("tokio::test"))
        || is_listed(path.parent().unwrap_or(&path), name)
}

/// Whether a file of the folder names the function outside its definition, as a macro does.
fn is_listed(folder: &Path, name: &str) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let lines =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line.contains(name)).any(|line| !line.contains("fn "))
}
