//! The language of the tree keeps the rules of `labs/language/rules.toml`.

use crate::markdown::top;
use language::{Check, Rules, check};

fn holds(which: Check) {
    let rules = Rules::of_this_repository().expect("the rules can be read");
    let report = check(which, &top(), &rules).expect("the tree can be read");
    let text = report.text(20);
    println!("{text}");
    assert!(report.holds(), "{text}");
}

#[test]
fn prose_has_few_pronouns() {
    holds(Check::Pronouns);
}

#[test]
fn prose_has_few_noun_clauses() {
    holds(Check::WhatClauses);
}

#[test]
fn retired_words_stay_out() {
    holds(Check::RetiredWords);
}

#[test]
fn test_names_are_short() {
    holds(Check::TestNames);
}

#[test]
fn docs_stay_within_their_length() {
    holds(Check::DocsLength);
}
