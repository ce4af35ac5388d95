//! `lab dev words`: the language of the tree against its rules, and names for a reader to
//! explain.

use crate::screen::{print, print_line};
use anyhow::Context;
use clap::ValueEnum;
use language::{Check, Rules, check, draw, names};
use std::path::PathBuf;

/// Check the language of the tree
///
/// Prints each figure with its limit and the first lines that break the rule. Exit code 1 if
/// a rule is broken.
#[derive(clap::Args, Debug)]
pub(super) struct WordsArgs {
    /// Run this check only
    #[arg(long, value_name = "CHECK", conflicts_with = "draw")]
    only: Option<WordsCheck>,

    /// Print this many offending lines for each rule
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,

    /// Print N names of types, functions and metrics, for a reader to explain
    #[arg(long, value_name = "N")]
    draw: Option<usize>,

    /// Draw the names with this seed; a random one by default
    #[arg(long, value_name = "N", requires = "draw")]
    seed: Option<u64>,

    /// The top of the tree; this checkout by default
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WordsCheck {
    Pronouns,
    WhatClauses,
    RetiredWords,
    TestNames,
    DocsLength,
}

impl From<WordsCheck> for Check {
    fn from(check: WordsCheck) -> Self {
        match check {
            WordsCheck::Pronouns => Self::Pronouns,
            WordsCheck::WhatClauses => Self::WhatClauses,
            WordsCheck::RetiredWords => Self::RetiredWords,
            WordsCheck::TestNames => Self::TestNames,
            WordsCheck::DocsLength => Self::DocsLength,
        }
    }
}

pub(super) fn run(args: &WordsArgs) -> anyhow::Result<bool> {
    let rules = Rules::of_this_repository()?;
    let tree = match &args.tree {
        Some(tree) => tree.clone(),
        None => top_of_the_checkout()?,
    };
    if let Some(count) = args.draw {
        let seed = args.seed.unwrap_or_else(crate::commands::exercise::seed);
        print_line(format_args!("names drawn with seed {seed}"));
        for name in draw(&names(&tree, &rules)?, count, seed) {
            print_line(format_args!(
                "{:<9} {:<20} {}",
                name.kind, name.package, name.name
            ));
        }
        return Ok(true);
    }
    let checks = args.only.map_or(Check::ALL.to_vec(), |only| vec![only.into()]);
    let mut all_hold = true;
    for which in checks {
        let report = check(which, &tree, &rules)?;
        all_hold &= report.holds();
        print(report.text(args.show));
    }
    Ok(all_hold)
}

fn top_of_the_checkout() -> anyhow::Result<PathBuf> {
    let here =
        std::env::current_dir().context("the working directory is not readable")?;
    let top =
        here.ancestors().find(|folder| folder.join("labs/language/rules.toml").exists());
    top.map(PathBuf::from).context("run this command inside a checkout of the lab")
}
