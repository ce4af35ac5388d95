//! Pass, fail, or inconclusive.

use serde::Serialize;

/// The result of a statement and of a whole run. The numbers are the exit codes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As expected.
    Pass,
    /// Inconclusive: the run shows neither.
    CouldNotTell,
    /// Not as expected.
    Fail,
}

impl Verdict {
    /// The worst verdict of several.
    pub fn of(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().max().unwrap_or(Self::CouldNotTell)
    }

    /// 0, 1 or 2.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::CouldNotTell => 2,
        }
    }

    /// The text for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "holds",
            Self::CouldNotTell => "could not tell",
            Self::Fail => "DOES NOT HOLD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_and_one_doubt_is_inconclusive() {
        use Verdict::{CouldNotTell, Fail, Pass};
        assert_eq!(Verdict::of([Pass, CouldNotTell, Fail]), Fail);
        assert_eq!(Verdict::of([Pass, CouldNotTell]), CouldNotTell);
        assert_eq!(Verdict::of([Pass, Pass]), Pass);
        assert_eq!(Verdict::of([]), CouldNotTell, "nothing was shown");
    }
}
