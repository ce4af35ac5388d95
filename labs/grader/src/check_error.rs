//! Why a check ended without passing: the program failed, the run was inconclusive, or
//! the harness failed.

/// The result of a check.
pub type CheckResult = Result<(), CheckError>;

/// Why a check did not pass.
#[derive(Debug)]
pub enum CheckError {
    /// The program does not do what the exercise asks for.
    Failed(Failed),
    /// The run gave no result, for example because the machine was too busy.
    Inconclusive(String),
    /// The harness failed: no service, no process, no folder.
    Harness(anyhow::Error),
}

/// A failure, explained for the student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The expectation.
    pub expected: String,
    /// The observation.
    pub actual: String,
    /// Help towards the cause, without the solution.
    pub help: String,
    /// Whether the failure is a timeout. A busy machine can cause one timeout, so the
    /// check is repeated and a second one counts.
    pub timed_out: bool,
}

impl CheckError {
    /// The program failed.
    pub fn failed(
        expected: impl Into<String>,
        actual: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (expected, actual) = (expected.into(), actual.into());
        Self::Failed(Failed { expected, actual, help: help.into(), timed_out: false })
    }

    /// The program did not respond in time.
    pub fn timed_out(
        expected: impl Into<String>,
        actual: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (expected, actual) = (expected.into(), actual.into());
        Self::Failed(Failed { expected, actual, help: help.into(), timed_out: true })
    }

    /// The run is inconclusive.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self::Inconclusive(why.into())
    }
}

impl From<anyhow::Error> for CheckError {
    fn from(error: anyhow::Error) -> Self {
        Self::Harness(error)
    }
}

/// Fails unless `holds`.
///
/// # Errors
/// [`CheckError::Failed`] with the three texts.
pub fn require(
    holds: bool,
    expected: impl Into<String>,
    actual: impl Into<String>,
    help: impl Into<String>,
) -> CheckResult {
    if holds { Ok(()) } else { Err(CheckError::failed(expected, actual, help)) }
}
