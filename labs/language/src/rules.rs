//! `rules.toml`: the limits, the retired words and the files that are exempt.

use anyhow::Context;
use regex::Regex;
use serde::Deserialize;

/// The rules of the language, read from `rules.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub(crate) limits: Limits,
    exempt: Vec<Exemption>,
    retired: Vec<RetiredWord>,
}

/// What the checks allow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Lines with a pronoun, of 1,000 lines of prose.
    pub(crate) pronouns_per_thousand: f64,
    /// Lines with a noun clause that starts with "what", of 1,000 lines of prose: half of
    /// the rate before the language was revised.
    pub(crate) what_clauses_per_thousand: WhatClauses,
    /// Words of a test name.
    pub(crate) words_in_a_test_name: usize,
    /// Words of the Markdown files below `docs`.
    pub(crate) words_in_docs: usize,
    /// Words of all README files: text does not move from the docs into them.
    pub(crate) words_in_readmes: usize,
    /// Paths whose words do not count as docs.
    pub(crate) not_docs: Vec<String>,
}

/// A limit for each kind of prose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhatClauses {
    pub(crate) comments: f64,
    pub(crate) markdown: f64,
    pub(crate) texts: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exemption {
    /// A prefix of paths.
    path: String,
    /// Why these files are not checked.
    #[serde(rename = "because")]
    _because: String,
}

/// A word that this project no longer uses, and the term that replaces it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetiredWord {
    /// A regular expression. For names it is matched against the whole words of a
    /// snake_case form, for prose against a line.
    #[serde(with = "pattern")]
    pub(crate) word: Regex,
    /// The term to use instead.
    #[serde(rename = "use")]
    pub(crate) instead: String,
    /// Where the word is retired.
    pub(crate) scope: Vec<Scope>,
    /// Prefixes of paths in which the word keeps another meaning.
    #[serde(default)]
    pub(crate) except: Vec<String>,
}

/// Where a word is retired.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scope {
    /// Part of the name of a type, function, field, variant, constant, module, file.
    Name,
    /// A whole such name, and no part of one.
    WholeName,
    /// A whole key of JSON or TOML.
    Key,
    /// Comments, Markdown and printed texts.
    Prose,
}

mod pattern {
    use regex::{Regex, RegexBuilder};
    use serde::{Deserialize, Deserializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Regex, D::Error> {
        let pattern = String::deserialize(from)?;
        let pattern = format!(r"(?:^|\b|_)(?:{pattern})(?:$|\b|_)");
        RegexBuilder::new(&pattern)
            .case_insensitive(true)
            .build()
            .map_err(D::Error::custom)
    }
}

impl Rules {
    /// The rules of this repository.
    ///
    /// # Errors
    /// `rules.toml` does not have the form described here.
    pub fn of_this_repository() -> anyhow::Result<Self> {
        Self::parse(include_str!("../rules.toml"))
    }

    /// # Errors
    /// The text is not TOML of this form, or a pattern is no regular expression.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        toml::from_str(text).context("labs/language/rules.toml")
    }

    pub(crate) fn is_exempt(&self, path: &str) -> bool {
        self.exempt.iter().any(|exempt| path.starts_with(&exempt.path))
    }

    /// The retired words that apply to `path` in one of `scopes`.
    pub(crate) fn retired<'a>(
        &'a self,
        path: &'a str,
        scopes: &'a [Scope],
    ) -> impl Iterator<Item = &'a RetiredWord> {
        self.retired.iter().filter(move |word| {
            word.scope.iter().any(|scope| scopes.contains(scope))
                && !word.except.iter().any(|except| path.starts_with(except))
        })
    }
}
