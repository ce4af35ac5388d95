//! A run: how it was made, what was measured, what that says. This is the JSON.

use crate::claimed::{Claim, claims};
use crate::contender::Contender;
use crate::elsewhere::Elsewhere;
use crate::figure::Figure;
use crate::load::Busy;
use crate::machine::Machine;
use crate::scenario::Scenario;
use crate::statements::Statement;
use crate::timeline::Timeline;
use crate::trial::{Row, Trial};
use outcome::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON document of a comparison, described in `docs/json.md`.
pub const SCHEMA: &str = "lab-compare";

/// The version of [`SCHEMA`]. Versions 1 and 2 named it `stateless-lab/comparison/N`.
pub const VERSION: u32 = 3;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`VERSION`].
    pub version: u32,
    /// How, when and where it was made.
    pub made: Made,
    /// The worst outcome of all checks.
    pub outcome: Outcome,
    /// What the concepts say, and whether it is so.
    #[serde(rename = "checks")]
    pub statements: Vec<Statement>,
    /// Each design in each scenario.
    pub cells: Vec<Cell>,
    /// Each design, whatever happens.
    pub designs: Vec<DesignReport>,
    /// How busy the client was; and whether latencies count.
    pub loads: Vec<LoadReport>,
    /// The source's figures beside ours.
    #[serde(rename = "published_figures")]
    pub claims: Vec<Claim>,
    /// For plots: the first repetition.
    pub timelines: Vec<Timeline>,
}

/// How, when and where a run was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// RFC 3339, UTC, when it began.
    pub date: String,
    /// The command line that makes it again.
    pub command: String,
    /// Decides when who asks for what, and who is killed.
    pub seed: u64,
    /// How often each scenario was played.
    pub repeat: usize,
    /// Users before each design.
    pub users: usize,
    /// Milliseconds from one request of a user to the next in scenarios with a fault.
    pub pace_ms: u64,
    /// The replica that is killed where one is.
    pub target: String,
    /// `debug` or `release`, of client and servers alike.
    pub profile: &'static str,
    /// Where.
    pub machine: Machine,
    /// What the replicas share.
    pub services: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// One design in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Which design.
    pub design: Contender,
    /// What was done to it.
    pub scenario: Scenario,
    /// Its figures.
    pub figures: BTreeMap<Row, Figure>,
}

impl Cell {
    /// Sums up the repetitions of one cell.
    #[must_use]
    pub fn of(trials: &[&Trial], design: Contender, scenario: Scenario) -> Self {
        let figure = |row: Row| {
            let once: Vec<_> = trials.iter().map(|trial| row.figure(trial)).collect();
            (row, Figure::of(&once))
        };
        Self { design, scenario, figures: Row::of(scenario).map(figure).collect() }
    }
}

/// One design, whatever happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesignReport {
    /// Which.
    pub design: Contender,
    /// Growth of a replica's own memory for 1,000 logins to the cluster: of all replicas in
    /// all repetitions. Absent where replicas hold no sessions.
    pub memory_bytes_per_1000_logins: Figure,
    /// Sessions that the replica with the fewest gained by them.
    pub sessions_fewest: Figure,
    /// And the one with the most.
    pub sessions_most: Figure,
    /// Bytes in each request that say who is calling.
    pub carried_bytes: Figure,
    /// Whether another service can tell whose the proof is.
    #[serde(rename = "other_service")]
    pub elsewhere: Elsewhere,
}

/// How busy the client was in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Which scenario.
    pub scenario: Scenario,
    /// Client and machine, each in its busiest repetition.
    pub busy: Busy,
    /// How late the client began one request in a hundred, in milliseconds, the worst of
    /// all designs and repetitions.
    pub client_late_p99_ms: f64,
    /// Whether latencies of this scenario count: see [`Busy::doubt`].
    pub latency_is_valid: bool,
}

impl LoadReport {
    /// Judges a client.
    #[must_use]
    pub fn new(scenario: Scenario, busy: Busy, client_late_p99_ms: f64) -> Self {
        let latency_is_valid = busy.doubt().is_none();
        Self { scenario, busy, client_late_p99_ms, latency_is_valid }
    }

    /// Adds a repetition: what was wrong in one of them stays wrong.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let late = self.client_late_p99_ms.max(other.client_late_p99_ms);
        Self::new(self.scenario, self.busy.busiest(other.busy), late)
    }
}

impl Report {
    /// Puts a run together.
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
        design: Contender,
        scenario: Scenario,
        row: Row,
    ) -> Option<&Figure> {
        let cell = |one: &&Cell| one.design == design && one.scenario == scenario;
        self.cells.iter().find(cell)?.figures.get(&row)
    }

    /// One design.
    #[must_use]
    pub fn design(&self, design: Contender) -> Option<&DesignReport> {
        self.designs.iter().find(|one| one.design == design)
    }

    /// The scenarios that were played, in order.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let played = |one: &Scenario| self.cells.iter().any(|cell| cell.scenario == *one);
        Scenario::ALL.into_iter().filter(played).collect()
    }

    /// Scenarios whose latencies do not count, each with the reason.
    #[must_use]
    pub fn latency_doubts(&self) -> Vec<String> {
        let says = |scenario: &Scenario| {
            Some(format!("{scenario}: {}", self.latency_doubt(*scenario)?))
        };
        Scenario::ALL.iter().filter_map(says).collect()
    }

    /// Why the latencies of a scenario do not count, if they do not.
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
        for design in Contender::ALL {
            let theirs =
                |one: &&Trial| one.contender == design && one.scenario == scenario;
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
        let drawn = |one: &Timeline| {
            one.design == trial.contender && one.scenario == trial.scenario
        };
        if !timelines.iter().any(drawn) {
            timelines.push(Timeline::of(trial));
        }
    }
    timelines
}
