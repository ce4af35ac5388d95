//! Lines of prose: comments, Markdown, and the texts that programs print.

use crate::rust_source;
use crate::tree::SourceFile;
use regex::Regex;
use std::sync::LazyLock;

/// Where a line of prose stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Comments of Rust, shell, YAML, TOML and SQL.
    Comments,
    Markdown,
    /// String literals of Rust and strings of TOML: help, errors, problems, hints.
    Texts,
}

/// One line of prose.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// A shorter line is a label, not a sentence.
const WORDS_OF_PROSE: usize = 4;

/// The lines of prose of a file with four words or more.
pub(crate) fn lines(file: &SourceFile) -> Vec<Line> {
    let mut lines = match file.extension() {
        "rs" => rust(&file.text),
        "md" => markdown(&file.text),
        "patch" => patch(&file.text),
        "toml" => toml_file(&file.text),
        "sql" => comments(&file.text, &["--"]),
        "yml" | "yaml" | "sh" => comments(&file.text, &["#"]),
        _ if file.text.starts_with("#!") => comments(&file.text, &["#"]),
        _ => Vec::new(),
    };
    for line in &mut lines {
        line.text = without_code(&line.text);
    }
    lines.retain(|line| words(&line.text) >= WORDS_OF_PROSE);
    lines
}

/// How many words a text has.
pub(crate) fn words(text: &str) -> usize {
    static WORD: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[A-Za-z][A-Za-z'’-]*").expect("a valid pattern"));
    WORD.find_iter(text).count()
}

fn without_code(line: &str) -> String {
    static CODE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"`[^`]*`|\]\([^)]*\)|https?://\S+").expect("valid"));
    CODE.replace_all(line, " ").into_owned()
}

fn comments(text: &str, marks: &[&str]) -> Vec<Line> {
    let mut fenced = false;
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        let line = line.trim();
        let mark = marks.iter().find(|mark| line.starts_with(**mark))?;
        let text = line[mark.len()..].trim_start_matches(['/', '!', '#']).trim();
        if text.starts_with("```") {
            fenced = !fenced;
        }
        let prose = !fenced && !text.starts_with("```");
        prose.then(|| Line {
            kind: Kind::Comments,
            number: index + 1,
            text: text.to_owned(),
        })
    });
    lines.collect()
}

fn rust(text: &str) -> Vec<Line> {
    let mut lines = comments(text, &["//"]);
    for literal in rust_source::read(text).strings {
        let rows = literal.text.lines().enumerate();
        lines.extend(rows.map(|(row, text)| Line {
            kind: Kind::Texts,
            number: literal.line + row,
            text: text.trim().to_owned(),
        }));
    }
    lines
}

fn markdown(text: &str) -> Vec<Line> {
    let mut fenced = false;
    let lines = text.lines().enumerate().filter_map(|(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        let text = line.trim().to_owned();
        (!fenced).then_some(Line { kind: Kind::Markdown, number: index + 1, text })
    });
    lines.collect()
}

/// A patch counts with the lines that it adds.
fn patch(text: &str) -> Vec<Line> {
    let added = text.lines().map(|line| line.strip_prefix('+').unwrap_or(""));
    comments(&added.collect::<Vec<_>>().join("\n"), &["//"])
}

/// Comments, and every string with the line on which its first words stand.
fn toml_file(text: &str) -> Vec<Line> {
    let mut lines = comments(text, &["#"]);
    let rows = text.lines().enumerate().filter(|(_, row)| !row.trim().starts_with('#'));
    let rows = rows.map(|(index, row)| {
        let text = row.split_once(" = ").map_or(row, |(_, value)| value);
        Line { kind: Kind::Texts, number: index + 1, text: text.trim().to_owned() }
    });
    lines.extend(rows);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Vec<(Kind, usize, String)> {
        let file = SourceFile { path: path.to_owned(), text: text.to_owned() };
        let lines = lines(&file).into_iter();
        lines.map(|line| (line.kind, line.number, line.text)).collect()
    }

    #[test]
    fn comments_and_strings_of_rust_are_prose() {
        let text = "//! What this file is about.\nfn f() { g(\"a text of four words\") }\n// short\n";
        let expected = vec![
            (Kind::Comments, 1, "What this file is about.".to_owned()),
            (Kind::Texts, 2, "a text of four words".to_owned()),
        ];
        assert_eq!(of("a.rs", text), expected);
    }

    #[test]
    fn code_in_prose_does_not_count() {
        assert_eq!(
            of("a.md", "```sh\nwho is not here today\n```\nshort `who` line\n"),
            []
        );
        assert_eq!(of("a.rs", "/// ```\n/// let who = not + here;\n/// ```\n"), []);
    }

    #[test]
    fn patches_count_with_added_lines_only() {
        let patch =
            "-    // nobody reads this removed line\n+    // the added line is read\n";
        let expected = vec![(Kind::Comments, 2, "the added line is read".to_owned())];
        assert_eq!(of("a.patch", patch), expected);
    }
}
