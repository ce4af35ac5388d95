//! What a checker found: a verdict for each invariant, with the operations that prove it.

use serde::Serialize;
use std::fmt;

/// What must stand, whatever strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// I1: acknowledged uploads are there, with the right bytes; deleted files stay away.
    Kept,
    /// I2: one effect for each file that was asked for, or none; never two, never half.
    Once,
    /// I3: nobody ever sees what is another's.
    Owners,
    /// I4: a proof whose end was acknowledged never works again.
    Dead,
    /// I5: each request ends in time with an answer of the contract, and all are served
    /// soon after healing.
    Answered,
    /// I6: what nobody needs is cleared away.
    Cleared,
    /// I7: what cannot be known is 503, and neither yes nor no.
    Honest,
    /// A login that was acknowledged stays good, where the design promises it.
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

    /// In words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Kept => "I1: what was acknowledged is there, what was deleted is not",
            Self::Once => "I2: each upload has one effect or none, never half of one",
            Self::Owners => "I3: nobody sees what is another's",
            Self::Dead => "I4: what was logged out or revoked never works again",
            Self::Answered => "I5: every request ends in time, and health comes back",
            Self::Cleared => "I6: nothing is left behind",
            Self::Honest => "I7: what cannot be known is 503",
            Self::Logins => "logins survive",
        }
    }
}

/// The outcome of an invariant: it held, it was broken, or the run shows neither.
pub use outcome::Outcome as Verdict;

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// What happened.
    pub says: String,
    /// The numbers of the operations that prove it, in the history.
    pub entries: Vec<u64>,
}

/// What was found about one invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which one.
    pub invariant: Invariant,
    /// How many cases were judged.
    pub judged: usize,
    /// What was broken.
    pub violations: Vec<Violation>,
    /// Why a case could not be judged.
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

    /// One violation decides; a doubt, or a run without a case, leaves it open.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.violations.is_empty(), self.doubts.is_empty(), self.judged) {
            (false, _, _) => Verdict::Fail,
            (true, true, 1..) => Verdict::Pass,
            (true, _, _) => Verdict::Inconclusive,
        }
    }
}

/// What was found about all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of [`Invariant::ALL`].
    pub findings: Vec<Finding>,
}

impl Report {
    /// What was found about one.
    ///
    /// # Panics
    /// Never: every report has all of them.
    #[must_use]
    pub fn of(&self, invariant: Invariant) -> &Finding {
        let mut findings = self.findings.iter();
        findings.find(|finding| finding.invariant == invariant).expect("all are judged")
    }

    /// The verdict about one.
    #[must_use]
    pub fn verdict(&self, invariant: Invariant) -> Verdict {
        self.of(invariant).verdict()
    }

    /// The invariants that were broken.
    #[must_use]
    pub fn broken(&self) -> Vec<Invariant> {
        let broken = |finding: &&Finding| finding.verdict() == Verdict::Fail;
        self.findings.iter().filter(broken).map(|finding| finding.invariant).collect()
    }
}

/// Violations that are shown of one invariant; all are in the JSON form.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let word = match finding.verdict() {
                Verdict::Pass => "stands",
                Verdict::Fail => "BROKEN",
                Verdict::Inconclusive | Verdict::HarnessError => "open",
            };
            let Finding { invariant, judged, violations, doubts } = finding;
            writeln!(f, "{word:<7} {} ({judged} judged)", invariant.says())?;
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
