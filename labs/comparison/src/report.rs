//! The report of a run, written as JSON: its setup, figures and checks.

use crate::claimed::{Claim, claims};
use crate::elsewhere::Elsewhere;
use crate::figure::Figure;
use crate::load::Busy;
use crate::machine::Machine;
use crate::scenario::Scenario;
use crate::statements::Statement;
use crate::timeline::Timeline;
use crate::trial::{Row, Trial};
use api_contract::design::Design;
use outcome::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON document of a comparison, described in `docs/json.md`.
pub const SCHEMA: &str = "lab-compare";

/// The version of [`SCHEMA`]. Versions 1 and 2 named it `stateless-lab/comparison/N`.
pub const VERSION: u32 = 3;

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`VERSION`].
    pub version: u32,
    /// Setup, time and machine of the run.
    pub made: Made,
    /// The worst outcome of all checks.
    pub outcome: Outcome,
    /// The expected outcomes, each with its result.
    #[serde(rename = "checks")]
    pub statements: Vec<Statement>,
    /// Figures of each design in each scenario.
    pub cells: Vec<Cell>,
    /// Figures of each design that do not depend on the scenario.
    pub designs: Vec<DesignReport>,
    /// CPU use of the client in each scenario, and whether its latencies count.
    pub loads: Vec<LoadReport>,
    /// The source's figures next to the measured ones.
    #[serde(rename = "published_figures")]
    pub claims: Vec<Claim>,
    /// Data for plots, from the first repetition.
    pub timelines: Vec<Timeline>,
}

/// Setup, time and machine of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// Start of the run, RFC 3339, UTC.
    pub date: String,
    /// The command line that repeats the run.
    pub command: String,
    /// Seed of the users' requests and of the choice of the killed replica.
    pub seed: u64,
    /// Repetitions of each scenario.
    pub repeat: usize,
    /// Users of each design.
    pub users: usize,
    /// Milliseconds between the requests of a user in scenarios with a fault.
    pub pace_ms: u64,
    /// The replica that single-kill scenarios kill.
    pub target: String,
    /// `debug` or `release`, for client and servers alike.
    pub profile: &'static str,
    /// The machine.
    pub machine: Machine,
    /// The services that the replicas share.
    pub services: Vec<String>,
    /// Duration of the run.
    pub seconds: f64,
}

/// One design in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The design.
    pub design: Design,
    /// The scenario.
    pub scenario: Scenario,
    /// The figures.
    pub figures: BTreeMap<Row, Figure>,
}

impl Cell {
    /// Summarizes the repetitions of one cell.
    #[must_use]
    pub fn of(trials: &[&Trial], design: Design, scenario: Scenario) -> Self {
        let figure = |row: Row| {
            let once: Vec<_> = trials.iter().map(|trial| row.figure(trial)).collect();
            (row, Figure::of(&once))
        };
        Self { design, scenario, figures: Row::of(scenario).map(figure).collect() }
    }
}

/// Figures of one design that do not depend on the scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesignReport {
    /// The design.
    pub design: Design,
    /// Growth of a replica's own memory for 1,000 logins to the cluster, over all replicas
    /// and repetitions. Absent if replicas hold no sessions.
    pub memory_bytes_per_1000_logins: Figure,
    /// Sessions gained by the replica with the fewest.
    pub sessions_fewest: Figure,
    /// Sessions gained by the replica with the most.
    pub sessions_most: Figure,
    /// Bytes of the credential in each request.
    pub carried_bytes: Figure,
    /// Whether an independent service can identify the credential's owner.
    #[serde(rename = "other_service")]
    pub elsewhere: Elsewhere,
}

/// CPU use of the client in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// The scenario.
    pub scenario: Scenario,
    /// CPU use of client and machine, each in its busiest repetition.
    pub busy: Busy,
    /// Scheduling delay of the client, p99 in milliseconds, the worst of all designs and
    /// repetitions.
    pub client_late_p99_ms: f64,
    /// Whether latencies of this scenario count: see [`Busy::doubt`].
    pub latency_is_valid: bool,
}

impl LoadReport {
    /// Decides whether the client's latencies count.
    #[must_use]
    pub fn new(scenario: Scenario, busy: Busy, client_late_p99_ms: f64) -> Self {
        let latency_is_valid = busy.doubt().is_none();
        Self { scenario, busy, client_late_p99_ms, latency_is_valid }
    }

    /// Adds a repetition; one invalid repetition makes the latencies invalid.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let late = self.client_late_p99_ms.max(other.client_late_p99_ms);
        Self::new(self.scenario, self.busy.busiest(other.busy), late)
    }
}

impl Report {
    /// Assembles the report.
    #[must_use]
    pub fn new(
        made: Made,
        trials: &[Trial],
        designs: Vec<DesignReport>,
        statements: Vec<Statement>,
        loads: Vec<LoadReport>,
    ) -> Self {
        let mut report = Self {
            schema: SCHEMA,
            version: VERSION,
            made,
            outcome: Outcome::of(statements.iter().map(|one| one.outcome)),
            statements,
            cells: cells(trials),
            designs,
            loads,
            claims: Vec::new(),
            timelines: timelines(trials),
        };
        report.claims = claims(&report);
        report
    }

    /// One figure.
    #[must_use]
    pub fn figure(
        &self,
        design: Design,
        scenario: Scenario,
        row: Row,
    ) -> Option<&Figure> {
        let cell = |one: &&Cell| one.design == design && one.scenario == scenario;
        self.cells.iter().find(cell)?.figures.get(&row)
    }

    /// One design.
    #[must_use]
    pub fn design(&self, design: Design) -> Option<&DesignReport> {
        self.designs.iter().find(|one| one.design == design)
    }

    /// The scenarios of the run, in order.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let played = |one: &Scenario| self.cells.iter().any(|cell| cell.scenario == *one);
        Scenario::ALL.into_iter().filter(played).collect()
    }

    /// Scenarios with invalid latencies, each with the reason.
    #[must_use]
    pub fn latency_doubts(&self) -> Vec<String> {
        let says = |scenario: &Scenario| {
            Some(format!("{scenario}: {}", self.latency_doubt(*scenario)?))
        };
        Scenario::ALL.iter().filter_map(says).collect()
    }

    /// The reason why the latencies of a scenario are invalid, if they are.
    #[must_use]
    pub fn latency_doubt(&self, scenario: Scenario) -> Option<String> {
        let load = self.loads.iter().find(|load| load.scenario == scenario)?;
        let why = load.busy.doubt()?;
        Some(format!("latencies do not count, because {why}"))
    }
}

fn cells(trials: &[Trial]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for scenario in Scenario::ALL {
        for design in Design::ALL {
            let theirs = |one: &&Trial| one.design == design && one.scenario == scenario;
            let theirs: Vec<_> = trials.iter().filter(theirs).collect();
            if !theirs.is_empty() {
                cells.push(Cell::of(&theirs, design, scenario));
            }
        }
    }
    cells
}

fn timelines(trials: &[Trial]) -> Vec<Timeline> {
    let mut timelines: Vec<Timeline> = Vec::new();
    for trial in trials {
        let drawn =
            |one: &Timeline| one.design == trial.design && one.scenario == trial.scenario;
        if !timelines.iter().any(drawn) {
            timelines.push(Timeline::of(trial));
        }
    }
    timelines
}
