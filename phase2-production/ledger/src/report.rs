//! The report of the checker: an outcome for each invariant, with the operations as evidence.

use serde::Serialize;
use std::fmt;

/// The invariants that must hold under all faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// I1: acknowledged uploads are stored with the right bytes; deleted files stay deleted.
    #[serde(rename = "durable-uploads")]
    Kept,
    /// I2: each upload has one effect or none, never two and never a partial one.
    #[serde(rename = "atomic-uploads")]
    Once,
    /// I3: no user sees data of another user.
    #[serde(rename = "isolation")]
    Owners,
    /// I4: a credential never works after its acknowledged revocation.
    #[serde(rename = "revocation")]
    Dead,
    /// I5: each request gets a reply of the contract in time, and all users are served soon after
    /// the repair.
    #[serde(rename = "availability")]
    Answered,
    /// I6: orphans are removed.
    #[serde(rename = "no-orphans")]
    Cleared,
    /// I7: if a credential cannot be verified, the reply is 503, not 200 or 401.
    #[serde(rename = "unverifiable-is-503")]
    Honest,
    /// An acknowledged login stays valid, if the design promises that.
    #[serde(rename = "logins-survive")]
    Logins,
}

impl Invariant {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Kept,
        Self::Once,
        Self::Owners,
        Self::Dead,
        Self::Answered,
        Self::Cleared,
        Self::Honest,
        Self::Logins,
    ];

    /// The invariant in words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Kept => "I1: acknowledged uploads are stored, deleted files are not",
            Self::Once => "I2: each upload has one effect or none, never a partial one",
            Self::Owners => "I3: no user sees data of another user",
            Self::Dead => "I4: revoked credentials never work again",
            Self::Answered => "I5: every request ends in time, and service recovers",
            Self::Cleared => "I6: no orphans remain",
            Self::Honest => "I7: unverifiable credentials get 503",
            Self::Logins => "logins survive",
        }
    }
}

/// The outcome of an invariant: it held, it was broken, or the run shows neither.
pub use outcome::Outcome;

/// One violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A description.
    #[serde(rename = "message")]
    pub says: String,
    /// The indexes of the operations in the history that are evidence.
    #[serde(rename = "operations")]
    pub entries: Vec<u64>,
}

/// The result of the checker for one invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The invariant.
    pub invariant: Invariant,
    /// The number of checked cases.
    #[serde(rename = "checked")]
    pub judged: usize,
    /// The violations.
    pub violations: Vec<Violation>,
    /// Why cases are inconclusive.
    #[serde(rename = "inconclusive")]
    pub doubts: Vec<String>,
}

impl Finding {
    pub(crate) const fn new(invariant: Invariant) -> Self {
        Self { invariant, judged: 0, violations: Vec::new(), doubts: Vec::new() }
    }

    pub(crate) fn broken(&mut self, says: impl Into<String>, entries: &[u64]) {
        self.violations.push(Violation { says: says.into(), entries: entries.to_vec() });
    }

    pub(crate) fn doubt(&mut self, why: impl Into<String>) {
        self.doubts.push(why.into());
    }

    /// Fail after one violation; inconclusive after an inconclusive case or without any case.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.violations.is_empty(), self.doubts.is_empty(), self.judged) {
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
    #[serde(rename = "results")]
    pub findings: Vec<Finding>,
}

impl Report {
    /// The result for one invariant.
    ///
    /// # Panics
    /// Never, because every report has all of them.
    #[must_use]
    pub fn of(&self, invariant: Invariant) -> &Finding {
        let mut findings = self.findings.iter();
        findings
            .find(|finding| finding.invariant == invariant)
            .expect("every invariant is checked")
    }

    /// The outcome for one invariant.
    #[must_use]
    pub fn outcome(&self, invariant: Invariant) -> Outcome {
        self.of(invariant).outcome()
    }

    /// The violated invariants.
    #[must_use]
    pub fn broken(&self) -> Vec<Invariant> {
        let broken = |finding: &&Finding| finding.outcome() == Outcome::Fail;
        self.findings.iter().filter(broken).map(|finding| finding.invariant).collect()
    }
}

/// The number of printed violations of one invariant. The JSON form has all.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let word = match finding.outcome() {
                Outcome::Pass => "pass",
                Outcome::Fail => "FAIL",
                Outcome::Inconclusive | Outcome::HarnessError => "inconclusive",
            };
            let Finding { invariant, judged, violations, doubts } = finding;
            writeln!(f, "{word:<12} {} ({judged} checked)", invariant.says())?;
            for Violation { says, entries } in violations.iter().take(SHOWN) {
                writeln!(f, "        {says}; operations {entries:?}")?;
            }
            if violations.len() > SHOWN {
                writeln!(f, "        and {} more", violations.len() - SHOWN)?;
            }
            for doubt in doubts.iter().take(SHOWN) {
                writeln!(f, "        {doubt}")?;
            }
        }
        Ok(())
    }
}
