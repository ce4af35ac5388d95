//! The architecture page and the glossary name files and functions that exist.

use crate::markdown::{page, top};

/// A code span of a page.
struct Span {
    text: String,
    line: usize,
}

fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let odd = line.split('`').skip(1).step_by(2);
            let found = odd.map(|text| Span { text: text.to_owned(), line: index + 1 });
            spans.extend(found);
        }
    }
    spans
}

/// Compares a page with the tree. A span with `/` or with the ending `.rs` is a path from the
/// top of the repository; a span that ends in `()` is a function in the last such path.
fn wrong_names(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut file = String::new();
    for Span { text, line } in spans(text) {
        if let Some(function) = text.strip_suffix("()") {
            let name = function.rsplit("::").next().unwrap_or(function);
            let defined = [format!("fn {name}("), format!("fn {name}<")];
            let source = std::fs::read_to_string(top().join(&file)).unwrap_or_default();
            if !defined.iter().any(|definition| source.contains(definition)) {
                wrong.push(format!("line {line}: {file} has no function {name}"));
            }
        } else if is_path(&text) {
            file = text;
            if !top().join(&file).exists() {
                wrong.push(format!("line {line}: {file} does not exist"));
            }
        }
    }
    wrong
}

fn is_path(text: &str) -> bool {
    let starts =
        ["phase1-mockup", "phase2-production", "labs", "benches", "loadtests", "docs"];
    let first = text.split('/').next().unwrap_or_default();
    starts.contains(&first) || text.ends_with(".rs")
}

#[test]
fn architecture_page_names_existing_files_and_functions() {
    let text = page("docs/architecture.md").text;
    assert!(spans(&text).iter().filter(|span| span.text.ends_with("()")).count() >= 30);
    let wrong = wrong_names(&text);
    assert!(wrong.is_empty(), "docs/architecture.md:\n{}", wrong.join("\n"));
}

#[test]
fn invented_functions_and_files_are_found() {
    let here = "`labs/lab/tests/lab/architecture.rs`";
    assert!(wrong_names(&format!("{here} `is_path()`")).is_empty());
    assert_eq!(wrong_names(&format!("{here} `is_invented()`")).len(), 1);
    assert_eq!(wrong_names("`labs/invented.rs`").len(), 1);
}

#[test]
fn glossary_names_existing_places() {
    let text = page("docs/glossary.md").text;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| term"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 80, "{} entries", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let [term, _, place, ..] = row.as_slice() else {
            wrong.push(format!("{row:?} has too few columns"));
            continue;
        };
        let path = place.replacen("p1/", "phase1-mockup/", 1);
        let path = path.replacen("p2/", "phase2-production/", 1);
        if !top().join(&path).exists() {
            wrong.push(format!("{term}: {path} does not exist"));
        }
    }
    assert!(wrong.is_empty(), "docs/glossary.md:\n{}", wrong.join("\n"));
}
