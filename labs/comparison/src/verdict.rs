//! Pass, fail, or neither.

use serde::Serialize;

/// What a statement, and a whole run, ends with. The numbers are the exit codes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As the concepts say.
    Pass,
    /// The run shows neither.
    CouldNotTell,
    /// Not as the concepts say.
    Fail,
}

impl Verdict {
    /// The verdict on several things: the worst of theirs.
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

    /// In words.
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
    fn one_failure_fails_a_run_and_one_doubt_leaves_it_open() {
        use Verdict::{CouldNotTell, Fail, Pass};
        assert_eq!(Verdict::of([Pass, CouldNotTell, Fail]), Fail);
        assert_eq!(Verdict::of([Pass, CouldNotTell]), CouldNotTell);
        assert_eq!(Verdict::of([Pass, Pass]), Pass);
        assert_eq!(Verdict::of([]), CouldNotTell, "nothing was shown");
    }
}
