//! The names that the project gives to things: types, functions, fields, metrics, files.

use crate::rules::Rules;
use crate::rust_source::{self, DefinitionKind};
use crate::tree;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A public name, for a reader to explain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `type`, `function` or `metric`.
    pub kind: &'static str,
    /// The name as it stands in the code; for a method with its type, as `Clock::now`.
    pub name: String,
    /// The package it belongs to; empty for a metric.
    pub package: String,
}

/// All public types and functions of the packages, and all metrics of `docs/metrics.md`.
///
/// # Errors
/// A file of the tree that cannot be read.
pub fn names(top: &Path, rules: &Rules) -> anyhow::Result<Vec<Name>> {
    let mut names = BTreeSet::new();
    for file in tree::files(top, rules)? {
        if file.path == "docs/metrics.md" {
            names.extend(metrics(&file.text));
        }
        let Some((package, _)) = file.path.split_once("/src/") else { continue };
        if file.extension() != "rs" || is_students_code(package) {
            continue;
        }
        for definition in rust_source::read(&file.text).definitions {
            let kind = match definition.kind {
                DefinitionKind::Type => "type",
                DefinitionKind::Function => "function",
                _ => continue,
            };
            if definition.is_public {
                let package = package.rsplit('/').next().unwrap_or(package).to_owned();
                let name = match definition.owner {
                    Some(owner) => format!("{owner}::{}", definition.name),
                    None => definition.name,
                };
                names.insert(Name { kind, name, package });
            }
        }
    }
    Ok(names.into_iter().collect())
}

fn is_students_code(package: &str) -> bool {
    package.starts_with("labs/exercises") || package.starts_with("labs/solutions")
}

/// Names of metrics in the first column of a table: `` | `name` | ``.
fn metrics(page: &str) -> Vec<Name> {
    let row = Regex::new(r"(?m)^\| `([a-z_]+)").expect("a valid pattern");
    let rows = row.captures_iter(page);
    let metric = |name: &str| Name {
        kind: "metric",
        name: name.to_owned(),
        package: String::new(),
    };
    rows.map(|row| metric(&row[1])).collect()
}

/// Draws `count` different names, as many of each kind as possible. The same seed draws the
/// same names from the same list.
pub fn draw(names: &[Name], count: usize, seed: u64) -> Vec<Name> {
    let mut kinds: BTreeMap<&str, Vec<Name>> = BTreeMap::new();
    for name in names {
        kinds.entry(name.kind).or_default().push(name.clone());
    }
    let (mut drawn, mut state) = (Vec::new(), seed);
    while drawn.len() < count && kinds.values().any(|left| !left.is_empty()) {
        for left in kinds.values_mut().filter(|left| !left.is_empty()) {
            let index = usize::try_from(splitmix64(&mut state) % left.len() as u64);
            drawn.push(left.swap_remove(index.unwrap_or(0)));
        }
    }
    drawn.truncate(count);
    drawn
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough to draw from a list.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
