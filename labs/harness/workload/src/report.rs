//! The report of the checker: an outcome for each invariant, with the operations as evidence.

use serde::Serialize;
use std::fmt;

/// The invariants that must hold under all faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// I1: acknowledged uploads are stored with the right bytes; deleted files stay deleted.
    DurableUploads,
    /// I2: each upload has one effect or none, never two and never a partial one.
    AtomicUploads,
    /// I3: no user sees data of another user.
    Isolation,
    /// I4: a credential never works after its acknowledged revocation.
    Revocation,
    /// I5: each request gets a reply of the contract in time, and all users are served soon after
    /// the repair.
    Availability,
    /// I6: orphans are removed.
    NoOrphans,
    /// I7: if a credential cannot be verified, the reply is 503, not 200 or 401.
    #[serde(rename = "unverifiable-is-503")]
    UnverifiableIs503,
    /// An acknowledged login stays valid, if the design promises that.
    LoginsSurvive,
}

impl Invariant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::DurableUploads,
        Self::AtomicUploads,
        Self::Isolation,
        Self::Revocation,
        Self::Availability,
        Self::NoOrphans,
        Self::UnverifiableIs503,
        Self::LoginsSurvive,
    ];

    /// The invariant in words.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::DurableUploads => {
                "I1: acknowledged uploads are stored, deleted files are not"
            }
            Self::AtomicUploads => {
                "I2: each upload has one effect or none, never a partial one"
            }
            Self::Isolation => "I3: no user sees data of another user",
            Self::Revocation => "I4: revoked credentials never work again",
            Self::Availability => "I5: every request ends in time, and service recovers",
            Self::NoOrphans => "I6: no orphans remain",
            Self::UnverifiableIs503 => "I7: unverifiable credentials get 503",
            Self::LoginsSurvive => "logins survive",
        }
    }
}

/// The outcome of an invariant: it held, it was broken, or the run shows neither.
pub use outcome::Outcome;

/// One violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A description.
    pub message: String,
    /// The indexes of the operations in the history that are evidence.
    pub operations: Vec<u64>,
}

/// The result of the checker for one invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvariantResult {
    /// The invariant.
    pub invariant: Invariant,
    /// The number of checked cases.
    pub checked: usize,
    /// The violations.
    pub violations: Vec<Violation>,
    /// Why cases are inconclusive.
    #[serde(rename = "inconclusive")]
    pub inconclusive_reasons: Vec<String>,
}

impl InvariantResult {
    pub(crate) const fn new(invariant: Invariant) -> Self {
        Self {
            invariant,
            checked: 0,
            violations: Vec::new(),
            inconclusive_reasons: Vec::new(),
        }
    }

    pub(crate) fn add_violation(
        &mut self,
        message: impl Into<String>,
        operations: &[u64],
    ) {
        self.violations
            .push(Violation { message: message.into(), operations: operations.to_vec() });
    }

    pub(crate) fn add_inconclusive(&mut self, reason: impl Into<String>) {
        self.inconclusive_reasons.push(reason.into());
    }

    /// Fail after one violation; inconclusive after an inconclusive case or without any case.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (
            self.violations.is_empty(),
            self.inconclusive_reasons.is_empty(),
            self.checked,
        ) {
            (false, _, _) => Outcome::Fail,
            (true, true, 1..) => Outcome::Pass,
            (true, _, _) => Outcome::Inconclusive,
        }
    }
}

/// The results for all invariants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The results, in the order of [`Invariant::ALL`].
    pub results: Vec<InvariantResult>,
}

impl Report {
    /// The result for one invariant.
    ///
    /// # Panics
    /// Never, because every report has all of them.
    #[must_use]
    pub fn result_of(&self, invariant: Invariant) -> &InvariantResult {
        let mut results = self.results.iter();
        results
            .find(|result| result.invariant == invariant)
            .expect("every invariant is checked")
    }

    /// The outcome for one invariant.
    #[must_use]
    pub fn outcome(&self, invariant: Invariant) -> Outcome {
        self.result_of(invariant).outcome()
    }

    /// The violated invariants.
    #[must_use]
    pub fn violated(&self) -> Vec<Invariant> {
        let violated = |result: &&InvariantResult| result.outcome() == Outcome::Fail;
        self.results.iter().filter(violated).map(|result| result.invariant).collect()
    }
}

/// The number of printed violations of one invariant. The JSON form has all.
const MAX_PRINTED_LINES: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.results {
            let word = match result.outcome() {
                Outcome::Pass => "pass",
                Outcome::Fail => "FAIL",
                Outcome::Inconclusive | Outcome::HarnessError => "inconclusive",
            };
            let InvariantResult { invariant, checked, violations, inconclusive_reasons } =
                result;
            writeln!(f, "{word:<12} {} ({checked} checked)", invariant.description())?;
            for Violation { message, operations } in
                violations.iter().take(MAX_PRINTED_LINES)
            {
                writeln!(f, "        {message}; operations {operations:?}")?;
            }
            if violations.len() > MAX_PRINTED_LINES {
                writeln!(f, "        and {} more", violations.len() - MAX_PRINTED_LINES)?;
            }
            for reason in inconclusive_reasons.iter().take(MAX_PRINTED_LINES) {
                writeln!(f, "        {reason}")?;
            }
        }
        Ok(())
    }
}
