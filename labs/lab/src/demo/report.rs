//! The report of a run.

use crate::demo::facts::Fact;
use crate::demo::figures::LaneReport;
use crate::demo::lane::Lane;
use crate::demo::scenario::Scenario;
use crate::demo::verdict::Doubt;
use outcome::Outcome;
use serde::Serialize;

/// A run of a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: Scenario,
    /// Seed of the users' requests and of the target replica.
    pub(crate) seed: u64,
    /// The replica that the scenario kills, if it kills one.
    pub(crate) target: String,
    pub(crate) users: usize,
    #[serde(rename = "configurations")]
    pub(crate) lanes: Vec<LaneReport>,
    #[serde(rename = "checks")]
    pub(crate) facts: Vec<Fact>,
    /// Why results of the run are inconclusive.
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

impl Report {
    /// Whether the explanations apply to a configuration: its checks hold and there is no
    /// doubt about its figures.
    pub(crate) fn explains(&self, lane: Lane) -> bool {
        let holds = self.facts.iter().all(|fact| fact.lane != lane || fact.holds);
        holds && self.doubts.iter().all(|doubt| doubt.lane != lane)
    }
}
