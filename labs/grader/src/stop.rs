//! How a check ends before its end: the program is wrong, nothing can be said, or the lab
//! itself broke. The three are kept apart because they ask different people to act.

/// What a check returns.
pub type Outcome = Result<(), Stop>;

/// Why a check ended early.
#[derive(Debug)]
pub enum Stop {
    /// The program does not do what the exercise asks for.
    Failed(Failed),
    /// Whether it does could not be seen, for example because the machine was too busy.
    Unsure(String),
    /// The lab could not do its part: no service, no process, no folder.
    Broken(anyhow::Error),
}

/// What is wrong, for the person who has to make it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What the exercise asks for.
    pub expected: String,
    /// What came instead.
    pub actual: String,
    /// Where to think on; never the solution.
    pub help: String,
    /// Whether all that is wrong is that nothing came in time. A machine may be too busy
    /// for once, so that is believed only if it happens again.
    pub by_clock: bool,
}

impl Stop {
    /// The program is wrong.
    pub fn failed(
        expected: impl Into<String>,
        actual: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (expected, actual) = (expected.into(), actual.into());
        Self::Failed(Failed { expected, actual, help: help.into(), by_clock: false })
    }

    /// Nothing came in time.
    pub fn too_slow(
        expected: impl Into<String>,
        actual: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (expected, actual) = (expected.into(), actual.into());
        Self::Failed(Failed { expected, actual, help: help.into(), by_clock: true })
    }

    /// It could not be seen whether the program is right.
    pub fn unsure(why: impl Into<String>) -> Self {
        Self::Unsure(why.into())
    }
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// Goes on when `holds`; otherwise the program is wrong.
///
/// # Errors
/// [`Stop::Failed`] with the three texts.
pub fn require(
    holds: bool,
    expected: impl Into<String>,
    actual: impl Into<String>,
    help: impl Into<String>,
) -> Outcome {
    if holds { Ok(()) } else { Err(Stop::failed(expected, actual, help)) }
}
