//! The history: all operations and faults of a run, as JSON lines.
//!
//! The first line is a header with the parameters to repeat the run. Each further line is an
//! operation, a fault, or a count of orphans.

use crate::entry::Entry;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

/// The name of the format, described in `docs/json.md`.
pub const SCHEMA: &str = "lab-history";

/// The version of [`SCHEMA`].
pub const SCHEMA_VERSION: u32 = 2;

/// The header, which is the first line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`SCHEMA_VERSION`].
    #[serde(rename = "version")]
    pub schema_version: u32,
    /// The version of the tested program.
    pub program_version: String,
    /// The seed of all random choices.
    pub seed: u64,
    /// The account names, in the order of the user numbers.
    pub users: Vec<String>,
    /// Further parameters of the run.
    pub parameters: BTreeMap<String, String>,
}

impl Header {
    /// A header of this version.
    #[must_use]
    pub fn new(seed: u64, users: Vec<String>) -> Self {
        let program_version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            program_version,
            seed,
            users,
            parameters: BTreeMap::new(),
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &dyn ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A fault of the nemesis, from its start to its stop. Times are milliseconds since the start of
/// the history.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The target: a replica, `lb`, `redis` or `database`.
    pub target: String,
    /// The kind of fault: `kill`, `pause`, ...
    pub kind: String,
    /// The injection was invoked. From now on the fault may be active.
    pub start_invoked_ms: u64,
    /// The injection was completed. From now on the fault is active.
    pub start_completed_ms: Option<u64>,
    /// The repair was invoked. From now on the fault may be over.
    pub stop_invoked_ms: Option<u64>,
    /// The repair was completed. From now on the fault is over.
    pub stop_completed_ms: Option<u64>,
}

/// The number of orphans that remain after the janitor has run.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct OrphanCount {
    /// The kind of orphan, such as `bytes without a row`.
    pub kind: String,
    /// Their number.
    pub count: u64,
}

/// A line after the first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
enum Line {
    Operation(Entry),
    Fault(Fault),
    Orphans(OrphanCount),
}

/// The history of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The parameters to repeat the run.
    pub header: Header,
    /// The operations, in the order of their invocations.
    pub entries: Vec<Entry>,
    /// The faults, in the order of their injections.
    pub faults: Vec<Fault>,
    /// The orphans after the janitor has run; empty if they were not counted.
    pub orphans: Vec<OrphanCount>,
}

impl History {
    /// Writes the history to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let file = File::create(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{}", serde_json::to_string(&self.header)?)?;
        let entries = self.entries.iter().cloned().map(Line::Operation);
        let faults = self.faults.iter().cloned().map(Line::Fault);
        let orphans = self.orphans.iter().cloned().map(Line::Orphans);
        for line in entries.chain(faults).chain(orphans) {
            writeln!(file, "{}", serde_json::to_string(&line)?)?;
        }
        file.flush().context("cannot flush the history")
    }

    /// Reads a history from a file.
    ///
    /// # Errors
    /// When it is not a history, or has another format.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = BufReader::new(file).lines();
        let first = lines.next().context("the file is empty")??;
        let header: Header =
            serde_json::from_str(&first).context("the first line is not a header")?;
        if header.schema != SCHEMA || header.schema_version != SCHEMA_VERSION {
            let Header { schema, schema_version, .. } = header;
            bail!(
                "{schema} version {schema_version} cannot be read, only {SCHEMA} version {SCHEMA_VERSION}"
            );
        }
        let (entries, faults, orphans) = Default::default();
        let mut history = Self { header, entries, faults, orphans };
        for line in lines {
            match serde_json::from_str(&line?).context("a line is not valid")? {
                Line::Operation(entry) => history.entries.push(entry),
                Line::Fault(fault) => history.faults.push(fault),
                Line::Orphans(orphans) => history.orphans.push(orphans),
            }
        }
        Ok(history)
    }

    /// The operations of one user.
    pub fn of_user(&self, user: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.user == user)
    }
}
