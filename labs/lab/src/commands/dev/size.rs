//! `lab dev size`: the lines of the tree, its tests and their assertions.

use super::steps::output;
use crate::screen::{print_line, table};
use anyhow::Context;
use std::fs;

/// The macros that assert a statement; helpers with these names count too.
const ASSERTIONS: [&str; 7] = [
    "assert!(",
    "assert_eq!(",
    "assert_ne!(",
    "assert_matches!(",
    "assert_snapshot!(",
    "assert_debug_snapshot!(",
    "ensure!(",
];

/// The checks of this package are the tests of every server.
const CONFORMANCE: &str = "phase1-mockup/api-conformance/";

/// Count lines, tests and assertions
///
/// Counts the Rust files that git tracks, in this folder as they are now. With --since, also
/// counts them in an earlier commit, and prints the difference.
#[derive(clap::Args, Debug)]
pub(super) struct SizeArgs {
    /// Compare with this commit
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

/// The size of a tree.
#[derive(Default, Debug, PartialEq, Eq)]
struct Size {
    files: usize,
    /// Lines of files and modules that belong to the product.
    source_lines: usize,
    /// Lines of files below `tests`, and of modules that only tests compile.
    test_lines: usize,
    tests: usize,
    assertions: usize,
}

impl Size {
    /// Adds the file `path` with this content.
    fn add(&mut self, path: &str, text: &str) {
        self.files += 1;
        let lines: Vec<&str> = text.lines().collect();
        let is_test = path.contains("/tests/")
            || path.ends_with("tests.rs")
            || path.starts_with(CONFORMANCE);
        // By the project's rule the module with the tests is the last item of a file.
        let first_test = match is_test {
            true => 0,
            false => {
                let inline = lines
                    .windows(2)
                    .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
                inline.unwrap_or(lines.len())
            }
        };
        self.source_lines += first_test;
        self.test_lines += lines.len() - first_test;
        for line in &lines[first_test..] {
            let line = line.trim_start();
            self.tests += usize::from(is_test_attribute(line));
            let count = |name: &&str| line.matches(name).count();
            self.assertions += ASSERTIONS.iter().map(count).sum::<usize>();
        }
    }

    fn row(&self, name: &str) -> Vec<String> {
        let figures =
            [self.files, self.source_lines, self.test_lines, self.tests, self.assertions];
        let figures = figures.iter().map(ToString::to_string);
        std::iter::once(name.to_owned()).chain(figures).collect()
    }

    /// The row with this size minus an earlier one.
    fn difference(&self, earlier: &Self) -> Vec<String> {
        let pairs = [
            (self.files, earlier.files),
            (self.source_lines, earlier.source_lines),
            (self.test_lines, earlier.test_lines),
            (self.tests, earlier.tests),
            (self.assertions, earlier.assertions),
        ];
        let pairs = pairs.iter().map(|(now, then)| match now.checked_sub(*then) {
            Some(more) => format!("+{more}"),
            None => format!("-{}", then - now),
        });
        std::iter::once("difference".to_owned()).chain(pairs).collect()
    }
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]"
        || line.starts_with("#[tokio::test")
        || line.starts_with("#[test_case")
}

pub(super) fn run(args: &SizeArgs) -> anyhow::Result<bool> {
    let now = working_tree()?;
    let header = ["tree", "files", "source lines", "test lines", "tests", "assertions"];
    let mut rows = Vec::new();
    if let Some(since) = &args.since {
        let earlier = commit(since)?;
        rows.push(earlier.row(since));
        rows.push(now.row("this folder"));
        rows.push(now.difference(&earlier));
    } else {
        rows.push(now.row("this folder"));
    }
    print_line(table(&header, rows));
    Ok(true)
}

fn working_tree() -> anyhow::Result<Size> {
    let files = output("git", &["ls-files", "--", "*.rs"])?;
    let mut size = Size::default();
    for path in files.lines() {
        // A file that was removed, and not yet committed, is not part of the tree.
        if let Ok(text) = fs::read_to_string(path) {
            size.add(path, &text);
        }
    }
    Ok(size)
}

fn commit(name: &str) -> anyhow::Result<Size> {
    let files = output("git", &["ls-tree", "-r", "--name-only", name])
        .with_context(|| format!("{name} is no commit of this repository"))?;
    let mut size = Size::default();
    for path in files.lines().filter(|path| path.ends_with(".rs")) {
        size.add(path, &output("git", &["show", &format!("{name}:{path}")])?);
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn inline_tests_count_apart_from_the_source() {
        let mut size = Size::default();
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {\n        \
                    assert!(true);\n        assert_eq!(1, 1);\n    }\n}\n";
        size.add("src/a.rs", text);
        let expected =
            Size { files: 1, source_lines: 2, test_lines: 8, tests: 1, assertions: 2 };
        assert_eq!(size, expected);
    }

    #[test]
    fn files_of_a_tests_folder_count_as_tests() {
        let mut size = Size::default();
        size.add("a/tests/a/main.rs", "#[tokio::test]\nasync fn a() {}\n");
        assert_eq!((size.source_lines, size.test_lines, size.tests), (0, 2, 1));
    }
}
