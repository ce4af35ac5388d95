//! The result of everything in this repository that judges, its exit code, the head of
//! every JSON document that reports one, and the output and files of programs.

mod arguments;
mod document;
pub mod file;
pub mod output;

pub use arguments::arguments;
pub use document::Document;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::process::{ExitCode, Termination};

/// Exit code for a command line that cannot be used. `clap` ends with the same code.
pub const USAGE: u8 = 2;

/// What a judging program concludes. The order is from best to worst, so that the outcome
/// of several parts is the greatest of theirs.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every check holds, and the run could have shown otherwise.
    Pass,
    /// The run shows neither a pass nor a failure. The usual cause is a busy machine, so
    /// the run is worth repeating.
    Inconclusive,
    /// At least one check does not hold.
    Fail,
    /// The program that judges broke, so the run says nothing about its subject.
    HarnessError,
}

impl Outcome {
    /// The outcome of several parts: the worst of theirs. No part at all is inconclusive.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().max().unwrap_or(Self::Inconclusive)
    }

    /// 0 pass, 1 fail, 3 harness error, 4 inconclusive. 2 is [`USAGE`].
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::HarnessError => 3,
            Self::Inconclusive => 4,
        }
    }

    /// [`Outcome::code`] as a program returns it.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// For a terminal: `pass`, `fail`, `inconclusive` or `harness error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::HarnessError => "harness error",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Termination for Outcome {
    fn report(self) -> ExitCode {
        self.exit_code()
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{self, Fail, HarnessError, Inconclusive, Pass};

    #[test]
    fn worst_part_decides_the_outcome() {
        assert_eq!(Outcome::of([Pass, HarnessError, Fail]), HarnessError);
        assert_eq!(Outcome::of([Pass, Inconclusive, Fail]), Fail);
        assert_eq!(Outcome::of([Pass, Inconclusive]), Inconclusive);
        assert_eq!(Outcome::of([Pass, Pass]), Pass);
        assert_eq!(Outcome::of([]), Inconclusive, "no part ran");
    }

    #[test]
    fn exit_codes_are_distinct_and_leave_two_to_usage() {
        let codes = [Pass, Fail, HarnessError, Inconclusive].map(Outcome::code);
        assert_eq!(codes, [0, 1, 3, 4]);
        assert!(!codes.contains(&super::USAGE));
    }

    #[test]
    fn json_form_is_kebab_case() {
        let json = serde_json::to_string(&HarnessError).expect("JSON");
        assert_eq!(json, "\"harness-error\"");
    }
}
