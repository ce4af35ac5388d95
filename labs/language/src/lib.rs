//! Checks the language of the tree against `rules.toml`: rates of pronouns, retired words,
//! test names, and the number of words in the docs. `cargo lab dev words` prints the result.

mod check;
mod names;
mod prose;
mod report;
mod rules;
mod rust_source;
mod tree;

pub use check::{Check, check};
pub use names::{Name, draw, names};
pub use report::Report;
pub use rules::Rules;
