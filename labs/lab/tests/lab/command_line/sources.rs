//! Every program prints through one module, because `println!` and `eprintln!` panic when
//! their reader is gone; and reads its arguments through another one.

use crate::markdown::top;
use std::fs;
use std::path::{Path, PathBuf};

const MACROS: [&str; 4] = ["println!(", "print!(", "eprintln!(", "eprint!("];

/// Folders with the packages of programs.
const PACKAGES: [&str; 4] = ["labs", "loadtests", "phase1-mockup", "phase2-production"];

/// Students' programs run in the grader's sandbox, the language checks name macros, and the
/// conformance suite runs in tests.
const EXCEPTIONS: [&str; 5] = [
    "labs/exercises",
    "labs/solutions",
    "labs/work",
    "labs/language",
    "phase1-mockup/api-conformance",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("tests") {
            sources(&path, found);
        } else if is_source && path.components().any(|part| part.as_os_str() == "src") {
            found.push(path);
        }
    }
}

/// The lines of code of all programs that contain one of these texts.
fn lines_with(texts: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    PACKAGES.iter().for_each(|package| sources(&top().join(package), &mut files));
    files.retain(|file| {
        !EXCEPTIONS.iter().any(|exception| file.starts_with(top().join(exception)))
    });
    assert!(files.len() > 300, "the sources were not found");
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("sources are text");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| texts.iter().any(|text| line.contains(text))) {
            found.push(format!("{}: {}", file.display(), line.trim()));
        }
    }
    found
}

#[test]
fn programs_print_through_the_output_module() {
    let wrong = lines_with(&MACROS);
    assert!(wrong.is_empty(), "use outcome::output, or write!: {}", wrong.join("\n"));
}

/// `std::env::args` panics at an argument that is no text.
#[test]
fn programs_read_arguments_that_are_no_text() {
    let wrong = lines_with(&["env::args()"]);
    assert!(wrong.is_empty(), "use outcome::arguments: {}", wrong.join("\n"));
}
