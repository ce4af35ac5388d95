//! A run of a scenario: what was done, what came of it, what that says.

use crate::demo::facts::{Fact, Verdict};
use crate::demo::figures::LaneReport;
use crate::demo::scenario::Scenario;
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
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}
