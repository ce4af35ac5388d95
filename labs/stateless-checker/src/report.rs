//! The result of a check: JSON for programs, text for a terminal.

mod text;

use crate::cause::StateKind;
use crate::user_run::TranscriptEntry;
use outcome::Outcome;
use serde::Serialize;

pub use crate::user_run::Exchange;

/// The page that explains the kinds of state.
pub const READ_MORE: &str = "docs/concepts/types-of-state.md";

/// The JSON document of a check.
pub const SCHEMA: &str = "lab-check-stateless";

/// The version of [`SCHEMA`].
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a check. `Display` is the form for a terminal.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The service's name.
    pub service: String,
    /// Pass: no step depends on state of one replica. Fail: at least one step does.
    /// Inconclusive: the service does not do the steps at all, or not in every repeat.
    pub outcome: Outcome,
    /// The seed of the users.
    pub seed: u64,
    /// Repeats of each experiment.
    pub rounds: usize,
    /// The replicas' names.
    pub instances: Vec<String>,
    /// Users that were sent from one replica to another, or through a restart.
    pub users: usize,
    /// Steps that depend on state of one replica.
    pub findings: Vec<StateDependency>,
    /// Experiments with different repeats, and failed restarts.
    #[serde(rename = "doubts")]
    pub inconclusive_reasons: Vec<String>,
    /// Experiments that were not run and would have shown more.
    pub limits: Vec<String>,
    /// Replicas that did not do all steps alone. If there is one, the check is inconclusive.
    #[serde(rename = "refusals")]
    pub failed_controls: Vec<FailedControl>,
}

/// A step that needs state which an earlier step left at one replica.
#[derive(Clone, Debug, Serialize)]
pub struct StateDependency {
    /// The place of the state.
    pub kind: StateKind,
    /// The failing steps.
    pub steps: Vec<StepName>,
    /// The steps with the missing effects.
    pub needs: Vec<StepName>,
    /// The observations that lead to it.
    #[serde(rename = "why")]
    pub explanation: &'static str,
    /// Typical places in the code.
    #[serde(rename = "look_for")]
    pub code_hints: &'static str,
    /// The page that explains it.
    pub read_more: &'static str,
    /// The requests of one affected user.
    pub transcript: Vec<TranscriptEntry>,
}

impl StateDependency {
    pub(crate) fn new(
        kind: StateKind,
        step: StepName,
        needs: Vec<StepName>,
        transcript: Vec<TranscriptEntry>,
    ) -> Self {
        let (explanation, code_hints) = (kind.explanation(), kind.code_hints());
        let steps = vec![step];
        Self {
            kind,
            steps,
            needs,
            explanation,
            code_hints,
            read_more: READ_MORE,
            transcript,
        }
    }
}

/// A step by number, from 1, and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepName {
    /// From 1.
    pub number: usize,
    /// Name in the description.
    pub name: String,
}

/// A replica that did not do all steps alone.
#[derive(Clone, Debug, Serialize)]
pub struct FailedControl {
    /// Its name.
    pub instance: String,
    /// The requests up to the failure.
    pub transcript: Vec<TranscriptEntry>,
}
