//! The report of a run.

use crate::demo::checks::Check;
use crate::demo::configuration::{Configuration, DEFAULT_USERS};
use crate::demo::figures::ConfigurationReport;
use crate::demo::judgement::InconclusiveReason;
use crate::demo::scenario::Scenario;
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
    pub(crate) configurations: Vec<ConfigurationReport>,
    pub(crate) checks: Vec<Check>,
    /// Why results of the run are inconclusive.
    #[serde(rename = "doubts")]
    pub(crate) inconclusive_reasons: Vec<InconclusiveReason>,
    pub(crate) outcome: Outcome,
    pub(crate) seconds: f64,
}

impl Report {
    /// The fault in one line.
    pub(crate) fn fault(&self) -> String {
        self.scenario.fault(&self.target)
    }

    /// The command that repeats the run: the same target and the same users.
    pub(crate) fn repetition(&self) -> String {
        let Self { scenario, seed, target, users, seconds, .. } = self;
        let mut command = format!("cargo lab demo {} --seed {seed}", scenario.name());
        if scenario.has_target() {
            command += &format!(" --target {target}");
        }
        if *users != usize::from(DEFAULT_USERS) {
            command += &format!(" --users {users}");
        }
        format!("Repeat it: {command}  ({seconds:.0} s)")
    }

    /// Whether the explanations apply to a configuration: its checks hold and there is no
    /// doubt about its figures.
    pub(crate) fn explains(&self, configuration: Configuration) -> bool {
        let holds = self
            .checks
            .iter()
            .all(|check| check.configuration != configuration || check.holds);
        holds
            && self
                .inconclusive_reasons
                .iter()
                .all(|reason| reason.configuration != configuration)
    }
}
