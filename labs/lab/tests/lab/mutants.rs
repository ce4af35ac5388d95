//! The kept faults of `labs/mutants` apply to this tree, so that the nightly run tests them.

use crate::markdown::top;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The patches of all mutants, `SUITE/NAME/mutant.patch`.
fn patches() -> Vec<PathBuf> {
    let suites = fs::read_dir(top().join("labs/mutants")).expect("the mutants");
    let suites = suites.map(|suite| suite.expect("a suite").path());
    let mutants = suites.filter(|suite| suite.is_dir()).flat_map(|suite| {
        let mutants = fs::read_dir(suite).expect("the mutants of a suite");
        mutants.map(|mutant| mutant.expect("a mutant").path().join("mutant.patch"))
    });
    mutants.collect()
}

#[test]
fn every_mutant_applies_to_the_tree() {
    let patches = patches();
    assert!(patches.len() > 10, "{} mutants", patches.len());
    for patch in patches {
        let applies = Command::new("git")
            .arg("-C")
            .arg(top())
            .args(["apply", "--check"])
            .arg(&patch)
            .output()
            .expect("git runs");
        assert!(applies.status.success(), "{}: {applies:?}", patch.display());
    }
}
