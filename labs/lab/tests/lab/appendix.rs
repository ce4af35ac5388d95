//! `docs/appendix-tests.md` lists the tests of each promise, and of each fault that was found
//! from outside. It is generated from the promises on the pages, from `docs/promise-tests.tsv`
//! and from `docs/fault-tests.tsv`.

use crate::markdown::{page, top};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

const APPENDIX: &str = "docs/appendix-tests.md";

const UPDATE: &str = "cargo test -p lab --test lab -- --ignored the_appendix_is_written";

/// The name of a page, and the header of its table in the appendix.
const PAGES: [(&str, &str); 2] = [
    ("failover", "| # | fault | promise | tests |\n|---|---|---|---|\n"),
    ("security", "| # | promise | tests |\n|---|---|---|\n"),
];

/// The faults that outside clients, bug reports of other projects and attacks found.
const FAULTS: usize = 53;

/// The tests of each promise, by the name of its page and its number.
type Tests = BTreeMap<(String, String), Vec<String>>;

fn tests() -> Tests {
    let text = fs::read_to_string(top().join("docs/promise-tests.tsv"));
    let text = text.expect("the list of tests");
    let mut tests = Tests::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = line.split('\t').collect();
        let [page, number, test] = cells[..] else {
            panic!("not three cells: {line}");
        };
        let key = (page.to_owned(), number.to_owned());
        tests.entry(key).or_default().push(test.to_owned());
    }
    tests
}

/// A test in code; a reason for the absence of a test as text.
fn cell(test: &str) -> String {
    if test.starts_with("none:") { test.to_owned() } else { format!("`{test}`") }
}

/// The number of a promise and the begin of its row in the appendix. A promise is a row of a
/// table, `| 1 | fault | promise |`, or an item of a list, `1. promise`.
fn promise(line: &str) -> Option<(&str, String)> {
    if let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) {
        return Some((row.split(" | ").next()?, format!("| {row}")));
    }
    let (number, text) = line.split_once(". ")?;
    let is_number = number.parse::<usize>().is_ok();
    is_number.then(|| (number, format!("| {number} | {text}")))
}

fn appendix() -> String {
    let mut tests = tests();
    let mut text = format!(
        "# Appendix: the test of each promise\n\n\
         Generated from the promises in [failover](failover.md) and [security](security.md) \
         from `docs/promise-tests.tsv` and from `docs/fault-tests.tsv`, by `{UPDATE}`.\n"
    );
    for (name, header) in PAGES {
        let _infallible = write!(text, "\n## From {name}.md\n\n{header}");
        for line in page(&format!("docs/{name}.md")).text.lines() {
            let Some((number, row)) = promise(line) else {
                continue;
            };
            if let Some(tests) = tests.remove(&(name.to_owned(), number.to_owned())) {
                let cells: Vec<_> = tests.iter().map(|test| cell(test)).collect();
                let _infallible = writeln!(text, "{row} | {} |", cells.join(", "));
            }
        }
    }
    assert!(tests.is_empty(), "these promises are on no page: {:?}", tests.keys());
    text + &fault_table()
}

/// A fault that was found from outside: a line of `docs/fault-tests.tsv`.
struct Fault {
    number: usize,
    /// The kind of the fault, such as `K1`.
    kind: String,
    /// The page that promises its absence.
    page: String,
    promise: String,
    tests: Vec<String>,
}

fn faults() -> Vec<Fault> {
    let text = fs::read_to_string(top().join("docs/fault-tests.tsv"));
    let text = text.expect("the list of faults");
    let mut faults = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = line.split('\t').collect();
        let [number, kind, page, promise, tests] = cells[..] else {
            panic!("not five cells: {line}");
        };
        faults.push(Fault {
            number: number.parse().expect("a number"),
            kind: kind.to_owned(),
            page: page.to_owned(),
            promise: promise.to_owned(),
            tests: tests.split(", ").map(str::to_owned).collect(),
        });
    }
    faults
}

fn fault_table() -> String {
    let mut text = "\n## Faults that were found from outside\n\n\
        By their kinds, [decision 0027](decisions/0027-every-kind-of-fault-has-one-rule.md).\n\n\
        | # | kind | page | promise | tests |\n|---|---|---|---|---|\n"
        .to_owned();
    for Fault { number, kind, page, promise, tests } in faults() {
        let tests: Vec<_> = tests.iter().map(|test| cell(test)).collect();
        let tests = tests.join(", ");
        let page = format!("[{page}]({page}.md)");
        let _infallible =
            writeln!(text, "| {number} | {kind} | {page} | {promise} | {tests} |");
    }
    text
}

#[test]
fn every_fault_names_an_existing_test() {
    let faults = faults();
    let numbers: Vec<_> = faults.iter().map(|fault| fault.number).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>());
    for Fault { number, tests, .. } in &faults {
        for test in tests {
            let (path, name) = test.split_once("::").expect("a path and a name");
            let source = fs::read_to_string(top().join(path));
            let source =
                source.unwrap_or_else(|error| panic!("{number}: {path}: {error}"));
            let function = name.rsplit("::").next().expect("a name");
            let is_there = source.contains(&format!("fn {function}("));
            assert!(is_there, "fault {number}: {path} has no test {function}");
        }
    }
}

#[test]
fn the_appendix_is_up_to_date() {
    let current = page(APPENDIX).text == appendix();
    assert!(current, "{APPENDIX} is out of date: run {UPDATE}");
}

#[test]
#[ignore = "writes docs/appendix-tests.md"]
fn the_appendix_is_written() {
    fs::write(top().join(APPENDIX), appendix()).expect("the appendix can be written");
}
