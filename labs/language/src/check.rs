//! The checks: each compares the tree with one rule.

use crate::prose::{self, Kind};
use crate::report::{Offence, Report, Rule};
use crate::rules::{Rules, Scope};
use crate::rust_source::{self, Definition, DefinitionKind, RustSource, StringLiteral};
use crate::tree::{self, SourceFile};
use regex::Regex;
use std::path::Path;
use std::sync::LazyLock;

/// One check of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Lines of prose that say who, nobody, whatever and their like.
    Pronouns,
    /// Noun clauses that start with "what".
    WhatClauses,
    /// Words that the glossary calls former names.
    RetiredWords,
    /// Test names with too many words.
    TestNames,
    /// The number of words in the docs and in README files.
    DocsLength,
}

impl Check {
    /// Every check, in the order in which they are printed.
    pub const ALL: [Self; 5] = [
        Self::Pronouns,
        Self::WhatClauses,
        Self::RetiredWords,
        Self::TestNames,
        Self::DocsLength,
    ];
}

/// Runs one check over the tree below `top`.
///
/// # Errors
/// A file of the tree that cannot be read.
pub fn check(check: Check, top: &Path, rules: &Rules) -> anyhow::Result<Report> {
    let files = tree::files(top, rules)?;
    Ok(match check {
        Check::Pronouns => {
            let limit = rules.limits.pronouns_per_thousand;
            rates("pronouns", &files, &PRONOUN, [limit; 3])
        }
        Check::WhatClauses => {
            let limits = &rules.limits.what_clauses_per_thousand;
            let limits = [limits.comments, limits.markdown, limits.texts];
            rates("what-clauses", &files, &WHAT_CLAUSE, limits)
        }
        Check::RetiredWords => retired_words(&files, rules),
        Check::TestNames => test_names(&files, rules),
        Check::DocsLength => docs_length(&files, rules),
    })
}

static PRONOUN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(who|whom|whose|whoever|whatever|whichever|nobody|somebody|everybody|anybody|no one|someone|everyone|anyone)\b",
    )
});

/// "what came", "what is left", "what it says", and not a question.
static WHAT_CLAUSE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bwhat\s+(is|was|were|are|has|have|had|it|they|he|she|we|one|you|the|a|an|this|that|each|every|could|can|must|may|would|will|should|does|did|do|\w+ed|\w+s|came|lay|stood|went|ran)\b",
    )
});

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// The rate of matching lines, for comments, Markdown and texts apart.
fn rates(
    name: &'static str,
    files: &[SourceFile],
    pattern: &Regex,
    limits: [f64; 3],
) -> Report {
    let mut report = Report::new(name);
    let kinds = [
        (Kind::Comments, "comments"),
        (Kind::Markdown, "Markdown"),
        (Kind::Texts, "texts"),
    ];
    for ((kind, title), limit) in kinds.into_iter().zip(limits) {
        let mut rule = Rule::rate(title, limit);
        for file in files {
            for line in prose::lines(file).into_iter().filter(|line| line.kind == kind) {
                rule.lines += 1;
                if pattern.is_match(&line.text) {
                    rule.offences.push(Offence::new(file, line.number, &line.text));
                }
            }
        }
        report.rules.push(rule);
    }
    report
}

fn retired_words(files: &[SourceFile], rules: &Rules) -> Report {
    let mut names = Rule::count("names", 0);
    let mut keys = Rule::count("keys", 0);
    let mut lines = Rule::count("prose", 0);
    for file in files {
        let source = match file.extension() {
            "rs" => rust_source::read(&file.text),
            _ => RustSource::default(),
        };
        names.offences.extend(retired_names(file, &source.definitions, rules));
        for StringLiteral { text, line } in &source.strings {
            let found = retired_key(text, &file.path, rules);
            let found = found.map(|use_instead| format!("{text}: {use_instead}"));
            keys.offences.extend(found.map(|found| Offence::new(file, *line, &found)));
        }
        for line in prose::lines(file) {
            let found = rules.retired(&file.path, &[Scope::Prose]);
            let found = found.filter(|word| word.word.is_match(&line.text));
            let found = found.map(|word| format!("{} ({})", line.text, word.instead));
            let offences = found.map(|found| Offence::new(file, line.number, &found));
            lines.offences.extend(offences);
        }
    }
    Report { name: "retired-words", rules: vec![names, keys, lines] }
}

/// The name of the file, and the names that it defines.
fn retired_names(
    file: &SourceFile,
    definitions: &[Definition],
    rules: &Rules,
) -> Vec<Offence> {
    let stem = file.path.rsplit('/').next().unwrap_or_default();
    let stem = stem.split('.').next().unwrap_or_default();
    let defined = definitions.iter().map(|one| (one.name.as_str(), one.line));
    let all = std::iter::once((stem, 1)).chain(defined);
    let retired = all.filter_map(|(name, line)| {
        let use_instead = retired_name(name, &file.path, rules)?;
        Some(Offence::new(file, line, &format!("{name}: {use_instead}")))
    });
    retired.collect()
}

/// The term to use in place of `name`, if that is or has a retired word.
fn retired_name(name: &str, path: &str, rules: &Rules) -> Option<String> {
    let snake = snake_case(name);
    let parts =
        rules.retired(path, &[Scope::Name]).find(|word| word.word.is_match(&snake));
    let mut whole = rules.retired(path, &[Scope::WholeName]);
    let found = parts.or_else(|| {
        whole.find(|word| {
            word.word.find(&snake).is_some_and(|found| found.len() == snake.len())
        })
    });
    found.map(|word| format!("use {}", word.instead))
}

fn retired_key(text: &str, path: &str, rules: &Rules) -> Option<String> {
    let is_key = !text.is_empty()
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    if !is_key {
        return None;
    }
    let mut words = rules.retired(path, &[Scope::Key]);
    let found = words
        .find(|word| word.word.find(text).is_some_and(|found| found.len() == text.len()));
    found.map(|word| format!("use {}", word.instead))
}

/// `LoginRequest` and `MAX_PARTS` as `login_request` and `max_parts`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut lower_before = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && lower_before {
            snake.push('_');
        }
        lower_before = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        snake.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
    }
    snake
}

fn test_names(files: &[SourceFile], rules: &Rules) -> Report {
    let most = rules.limits.words_in_a_test_name;
    let mut long = Rule::count("test names that are too long", 0);
    let mut pronouns = Rule::count("test names with a pronoun or \"what\"", 0);
    let riddle = pattern(
        "^(who|whom|whose|whoever|whatever|whichever|nobody|somebody|everybody|anybody|someone|everyone|anyone|what)$",
    );
    for file in files.iter().filter(|file| file.extension() == "rs") {
        for definition in rust_source::read(&file.text).definitions {
            if definition.kind != DefinitionKind::Test {
                continue;
            }
            let words: Vec<&str> = definition.name.split('_').collect();
            let offence = Offence::new(file, definition.line, &definition.name);
            if words.len() > most {
                long.offences.push(offence.clone());
            }
            if words.iter().any(|word| riddle.is_match(word)) {
                pronouns.offences.push(offence);
            }
        }
    }
    Report { name: "test-names", rules: vec![long, pronouns] }
}

/// Words as `wc -w` counts them.
fn docs_length(files: &[SourceFile], rules: &Rules) -> Report {
    let limits = &rules.limits;
    let mut docs = Rule::total("words in docs/", limits.words_in_docs);
    let mut readmes = Rule::total("words in README files", limits.words_in_readmes);
    for file in files.iter().filter(|file| file.extension() == "md") {
        let words = file.text.split_whitespace().count();
        let counts = !limits.not_docs.iter().any(|path| file.path.starts_with(path));
        if file.path.starts_with("docs/") && counts {
            docs.lines += words;
        } else if file.path.ends_with("README.md") && counts {
            readmes.lines += words;
        }
    }
    Report { name: "docs-length", rules: vec![docs, readmes] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const RULES: &str = r#"
        [limits]
        pronouns_per_thousand = 10
        what_clauses_per_thousand = { comments = 10, markdown = 10, texts = 10 }
        words_in_a_test_name = 4
        words_in_docs = 5
        words_in_readmes = 3
        not_docs = ["docs/api.md"]
        [[exempt]]
        path = "old/"
        because = "history"
        [[retired]]
        word = "hearsay"
        use = "revocation feed"
        scope = ["name", "key", "prose"]
        except = ["elsewhere/"]
        [[retired]]
        word = "look"
        use = "read"
        scope = ["whole-name"]
    "#;

    fn holds(which: Check, path: &str, text: &str) -> bool {
        let top = tempfile::tempdir().expect("a folder");
        let file = top.path().join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("a file");
        let rules = Rules::parse(RULES).expect("rules");
        check(which, top.path(), &rules).expect("a report").holds()
    }

    #[test]
    fn pronouns_above_the_limit_fail() {
        assert!(!holds(Check::Pronouns, "a.rs", "// nobody knows who asked here\n"));
        assert!(holds(Check::Pronouns, "a.rs", "// the replica rejects the token\n"));
        assert!(holds(Check::Pronouns, "old/a.rs", "// nobody knows who asked here\n"));
    }

    #[test]
    fn retired_words_fail_in_their_scope_only() {
        assert!(!holds(Check::RetiredWords, "a.rs", "fn send_hearsay() {}"));
        assert!(!holds(Check::RetiredWords, "a.rs", "struct HearsayFeed;"));
        assert!(!holds(Check::RetiredWords, "hearsay.rs", ""));
        assert!(!holds(Check::RetiredWords, "a.rs", "fn f() { g(\"hearsay\") }"));
        assert!(!holds(Check::RetiredWords, "a.md", "All of it is hearsay today.\n"));
        assert!(holds(Check::RetiredWords, "elsewhere/a.rs", "fn send_hearsay() {}"));
        assert!(!holds(Check::RetiredWords, "a.rs", "fn look() {}"));
        assert!(holds(Check::RetiredWords, "a.rs", "// a look at this\nfn lookup() {}"));
    }

    #[test]
    fn long_test_names_fail() {
        assert!(!holds(
            Check::TestNames,
            "a.rs",
            "#[test] fn one_two_three_four_five() {}"
        ));
        assert!(holds(Check::TestNames, "a.rs", "#[test] fn one_two_three_four() {}"));
        assert!(!holds(Check::TestNames, "a.rs", "#[test] fn nobody_is_there() {}"));
        assert!(holds(Check::TestNames, "a.rs", "fn one_two_three_four_five() {}"));
    }

    #[test]
    fn docs_above_the_limit_fail() {
        assert!(!holds(Check::DocsLength, "docs/a.md", "one two three four five six\n"));
        assert!(holds(Check::DocsLength, "docs/a.md", "one two three four five\n"));
        assert!(holds(Check::DocsLength, "docs/api.md", "one two three four five six\n"));
        assert!(!holds(Check::DocsLength, "labs/README.md", "one two three four\n"));
    }
}
