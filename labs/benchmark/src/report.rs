//! The figures of a run, and its conditions.

use crate::growth::Growth;
use crate::memory::Memory;
use crate::outage::Outage;
use crate::request_cost::RequestCost;
use anyhow::{Context, ensure};
use report::machine::Machine;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// The JSON document of a benchmark, described in `docs/json.md`.
pub const SCHEMA: &str = "lab-bench";

/// The version of [`SCHEMA`].
pub const SCHEMA_VERSION: u32 = 2;

/// How version 1 named itself. It differs only in the names of two members.
const VERSION_1: &str = "stateless-lab/benchmark/1";

/// All figures of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    #[serde(default)]
    pub version: u32,
    /// The conditions of the run.
    #[serde(rename = "made")]
    pub run_info: RunInfo,
    /// Authenticated requests to every server, in rounds.
    #[serde(rename = "reads")]
    pub request_costs: Vec<RequestCost>,
    /// The death of one of three replicas.
    pub outage: Outage,
    /// Memory with many uploads and with many connections.
    pub memory: Memory,
    /// Costs by size.
    pub growth: Growth,
}

/// The machine and the settings of a run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RunInfo {
    /// The date in the form of RFC 3339.
    pub date: String,
    /// The command line.
    pub command: String,
    /// `release`; the figures of another profile are not valid.
    pub profile: String,
    /// The machine.
    pub machine: Machine,
    /// The Redis that was used, and the reason for the choice.
    pub redis: String,
    /// HAProxy's version, if it is installed.
    pub haproxy: Option<String>,
    /// `full`, `quick`, or `smoke`, which is no measurement.
    pub size: String,
    /// The number of rounds.
    pub rounds: usize,
    /// Milliseconds for each server in a round; the reference takes half of it, twice.
    #[serde(alias = "turn_ms")]
    pub round_ms: u64,
    /// Requests in flight at all times.
    pub connections: usize,
    /// The duration of the run in seconds.
    pub seconds: f64,
}

impl Report {
    /// Reads a kept report.
    ///
    /// # Errors
    /// When the file is not a report of this version.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let report: Self = serde_json::from_str(&text).with_context(|| {
            format!("{} is not a report of the benchmark", path.display())
        })?;
        let Self { schema, version, .. } = &report;
        ensure!(
            schema == VERSION_1 || (schema == SCHEMA && *version == SCHEMA_VERSION),
            "{} is a {schema} of version {version}; this program reads {SCHEMA} of \
             version 1 or {SCHEMA_VERSION}",
            path.display()
        );
        Ok(report)
    }
}
