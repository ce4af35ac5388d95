//! The report of a run, written as JSON: its setup, figures and checks.

use crate::checks::Check;
use crate::cpu_use::CpuUse;
use crate::other_service::OtherServiceResult;
use crate::published_figure::PublishedFigure;
use crate::scenario::Scenario;
use crate::timeline::Timeline;
use crate::trial::{FigureKind, Trial};
use api_contract::design::Design;
use outcome::Outcome;
use report::figure::Figure;
use report::machine::Machine;
use serde::Serialize;
use std::collections::BTreeMap;

/// The JSON document of a comparison, described in `docs/json.md`.
pub const SCHEMA: &str = "lab-compare";

/// The version of [`SCHEMA`]. Versions 1 and 2 named it `stateless-lab/comparison/N`.
pub const SCHEMA_VERSION: u32 = 3;

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// [`SCHEMA_VERSION`].
    pub version: u32,
    /// Setup, time and machine of the run.
    #[serde(rename = "made")]
    pub run_info: RunInfo,
    /// The worst outcome of all checks.
    pub outcome: Outcome,
    /// The expected outcomes, each with its result.
    pub checks: Vec<Check>,
    /// Figures of each design in each scenario.
    #[serde(rename = "cells")]
    pub scenario_figures: Vec<ScenarioFigures>,
    /// Figures of each design that do not depend on the scenario.
    pub designs: Vec<DesignReport>,
    /// CPU use of the client in each scenario, and whether its latencies count.
    #[serde(rename = "loads")]
    pub cpu_use_reports: Vec<CpuUseReport>,
    /// The source's figures next to the measured ones.
    pub published_figures: Vec<PublishedFigure>,
    /// Data for plots, from the first repetition.
    pub timelines: Vec<Timeline>,
}

/// Setup, time and machine of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunInfo {
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
pub struct ScenarioFigures {
    /// The design.
    pub design: Design,
    /// The scenario.
    pub scenario: Scenario,
    /// The figures.
    pub figures: BTreeMap<FigureKind, Figure>,
}

impl ScenarioFigures {
    /// Summarizes the repetitions of one cell.
    #[must_use]
    pub fn of(trials: &[&Trial], design: Design, scenario: Scenario) -> Self {
        let figure = |row: FigureKind| {
            let once: Vec<_> = trials.iter().map(|trial| row.figure(trial)).collect();
            (row, Figure::of(&once))
        };
        Self { design, scenario, figures: FigureKind::of(scenario).map(figure).collect() }
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
    pub other_service: OtherServiceResult,
}

/// CPU use of the client in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CpuUseReport {
    /// The scenario.
    pub scenario: Scenario,
    /// CPU use of client and machine, each in its busiest repetition.
    #[serde(rename = "busy")]
    pub cpu_use: CpuUse,
    /// Scheduling delay of the client, p99 in milliseconds, the worst of all designs and
    /// repetitions.
    pub client_late_p99_ms: f64,
    /// Whether latencies of this scenario count: see [`CpuUse::invalid_reason`].
    pub latency_is_valid: bool,
}

impl CpuUseReport {
    /// Decides whether the client's latencies count.
    #[must_use]
    pub fn new(scenario: Scenario, cpu_use: CpuUse, client_late_p99_ms: f64) -> Self {
        let latency_is_valid = cpu_use.invalid_reason().is_none();
        Self { scenario, cpu_use, client_late_p99_ms, latency_is_valid }
    }

    /// Adds a repetition; one invalid repetition makes the latencies invalid.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let late = self.client_late_p99_ms.max(other.client_late_p99_ms);
        Self::new(self.scenario, self.cpu_use.max(other.cpu_use), late)
    }
}

impl Report {
    /// Assembles the report, without published figures: see
    /// [`with_published_figures`](crate::published::with_published_figures).
    #[must_use]
    pub fn new(
        run_info: RunInfo,
        trials: &[Trial],
        designs: Vec<DesignReport>,
        checks: Vec<Check>,
        cpu_use_reports: Vec<CpuUseReport>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            version: SCHEMA_VERSION,
            run_info,
            outcome: Outcome::of(checks.iter().map(|one| one.outcome)),
            checks,
            scenario_figures: scenario_figures(trials),
            designs,
            cpu_use_reports,
            published_figures: Vec::new(),
            timelines: timelines(trials),
        }
    }

    /// One figure.
    #[must_use]
    pub fn figure(
        &self,
        design: Design,
        scenario: Scenario,
        row: FigureKind,
    ) -> Option<&Figure> {
        let figures_of =
            |one: &&ScenarioFigures| one.design == design && one.scenario == scenario;
        self.scenario_figures.iter().find(figures_of)?.figures.get(&row)
    }

    /// One design.
    #[must_use]
    pub fn design(&self, design: Design) -> Option<&DesignReport> {
        self.designs.iter().find(|one| one.design == design)
    }

    /// The scenarios of the run, in order.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let was_run = |one: &Scenario| {
            self.scenario_figures.iter().any(|figures_of| figures_of.scenario == *one)
        };
        Scenario::ALL.into_iter().filter(was_run).collect()
    }

    /// Scenarios with invalid latencies, each with the reason.
    #[must_use]
    pub fn invalid_latency_reasons(&self) -> Vec<String> {
        let line = |scenario: &Scenario| {
            Some(format!("{scenario}: {}", self.invalid_latency_reason(*scenario)?))
        };
        Scenario::ALL.iter().filter_map(line).collect()
    }

    /// The reason why the latencies of a scenario are invalid, if they are.
    #[must_use]
    pub fn invalid_latency_reason(&self, scenario: Scenario) -> Option<String> {
        let load = self.cpu_use_reports.iter().find(|load| load.scenario == scenario)?;
        let why = load.cpu_use.invalid_reason()?;
        Some(format!("latencies do not count, because {why}"))
    }
}

fn scenario_figures(trials: &[Trial]) -> Vec<ScenarioFigures> {
    let mut scenario_figures = Vec::new();
    for scenario in Scenario::ALL {
        for design in Design::ALL {
            let own = |one: &&Trial| one.design == design && one.scenario == scenario;
            let own: Vec<_> = trials.iter().filter(own).collect();
            if !own.is_empty() {
                scenario_figures.push(ScenarioFigures::of(&own, design, scenario));
            }
        }
    }
    scenario_figures
}

fn timelines(trials: &[Trial]) -> Vec<Timeline> {
    let mut timelines: Vec<Timeline> = Vec::new();
    for trial in trials {
        let is_drawn =
            |one: &Timeline| one.design == trial.design && one.scenario == trial.scenario;
        if !timelines.iter().any(is_drawn) {
            timelines.push(Timeline::of(trial));
        }
    }
    timelines
}
