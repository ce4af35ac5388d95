//! What a check has found: for programs as JSON, for people as text.

mod text;

use crate::cause::Kind;
use crate::walk::Event;
use outcome::Outcome;
use serde::Serialize;

pub use crate::walk::Exchange;

/// Where the kinds of state are explained.
pub const READ_MORE: &str = "docs/concepts/types-of-state.md";

/// The JSON document of a check.
pub const SCHEMA: &str = "lab-check-stateless";

/// The version of [`SCHEMA`].
pub const VERSION: u32 = 1;

/// Everything that a check has found. `Display` is the form for people.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The service's name.
    pub service: String,
    /// Pass: no step depends on the state of one replica. Fail: some step does.
    /// Inconclusive: the service does not do the steps at all, or not always.
    pub outcome: Outcome,
    /// What the users were made from.
    pub seed: u64,
    /// How often each experiment was repeated.
    pub rounds: usize,
    /// The replicas' names.
    pub instances: Vec<String>,
    /// How many users were sent from one replica to another, or through a restart.
    pub users: usize,
    /// What rests on which state.
    pub findings: Vec<Finding>,
    /// What differed between repeats, or could not be done.
    pub doubts: Vec<String>,
    /// What was not tried, and would have shown more.
    pub limits: Vec<String>,
    /// Replicas that did not do all steps alone. If there is one, nothing can be said.
    pub refusals: Vec<Refusal>,
}

/// A step that needs what an earlier one left at one replica.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Where the state is.
    pub kind: Kind,
    /// The steps that fail for it.
    pub steps: Vec<StepName>,
    /// The steps whose effect they miss.
    pub needs: Vec<StepName>,
    /// Which observations say so.
    pub why: &'static str,
    /// Where to look in the code.
    pub look_for: &'static str,
    /// Where to read about it.
    pub read_more: &'static str,
    /// One user to whom it happened.
    pub transcript: Vec<Event>,
}

impl Finding {
    pub(crate) fn new(
        kind: Kind,
        step: StepName,
        needs: Vec<StepName>,
        transcript: Vec<Event>,
    ) -> Self {
        let (why, look_for) = (kind.why(), kind.look_for());
        let steps = vec![step];
        Self { kind, steps, needs, why, look_for, read_more: READ_MORE, transcript }
    }
}

/// A step by number, from 1, and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepName {
    /// From 1.
    pub number: usize,
    /// What the description calls it.
    pub name: String,
}

/// A replica that did not do all steps alone.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// Its name.
    pub instance: String,
    /// How far it came.
    pub transcript: Vec<Event>,
}
