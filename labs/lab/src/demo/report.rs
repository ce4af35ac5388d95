//! A run of a scenario: what was done, what came of it, what that says.

use crate::demo::facts::Fact;
use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use crate::demo::verdict::{Doubt, Verdict};
use serde::Serialize;

/// A run of a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    /// Decides who does what with which bytes, and who is killed.
    pub(crate) seed: u64,
    /// The replica that is killed where one is.
    pub(crate) victim: String,
    pub(crate) users: usize,
    pub(crate) lanes: Vec<LaneReport>,
    pub(crate) facts: Vec<Fact>,
    /// Why the run could not tell, or could not tell everything.
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}

impl Report {
    /// Whether a lane is what the explanations explain: its statements hold, and nothing
    /// makes its figures doubtful.
    pub(crate) fn explains(&self, lane: Lane) -> bool {
        let holds = self.facts.iter().all(|fact| fact.lane != lane || fact.holds);
        holds && self.doubts.iter().all(|doubt| doubt.lane != lane)
    }
}
