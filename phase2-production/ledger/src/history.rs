//! All operations of a run and the faults that struck meanwhile, as JSON lines.
//!
//! The first line says what is needed to run it again. A program that is not ours can read
//! the rest line by line.

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
pub const FORMAT: u32 = 2;

/// The first line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`FORMAT`].
    #[serde(rename = "version")]
    pub format: u32,
    /// The version of the program that was tested.
    #[serde(rename = "program_version")]
    pub version: String,
    /// What everything random came from.
    pub seed: u64,
    /// Account names, by the users' numbers.
    pub users: Vec<String>,
    /// Whatever else the run was started with.
    pub parameters: BTreeMap<String, String>,
}

impl Header {
    /// A header of this version.
    #[must_use]
    pub fn new(seed: u64, users: Vec<String>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            schema: SCHEMA.to_owned(),
            format: FORMAT,
            version,
            seed,
            users,
            parameters: BTreeMap::new(),
        }
    }

    /// One more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &dyn ToString) -> Self {
        self.parameters.insert(name.to_owned(), value.to_string());
        self
    }
}

/// A fault and its end. Times are milliseconds since the history began.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Who: a replica, `lb`, `redis` or `database`.
    #[serde(rename = "target")]
    pub victim: String,
    /// What: `kill`, `pause`, ...
    pub kind: String,
    /// It was ordered: from now on it may have struck.
    pub ordered_ms: u64,
    /// From now on it surely has struck.
    pub struck_ms: Option<u64>,
    /// Mending was ordered: from now on it may be over.
    pub mending_ms: Option<u64>,
    /// From now on it surely is over.
    pub mended_ms: Option<u64>,
}

/// What was left behind after the janitor's time.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Such as `bytes without a row`.
    pub what: String,
    /// How many.
    pub count: u64,
}

/// A line after the first.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
enum Line {
    Operation(Entry),
    Fault(Fault),
    Leftover(Leftover),
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What it takes to run it again.
    pub header: Header,
    /// In the order in which they began.
    pub entries: Vec<Entry>,
    /// In the order in which they were ordered.
    pub faults: Vec<Fault>,
    /// What was looked for after the janitor's time; empty when nobody looked.
    pub leftovers: Vec<Leftover>,
}

impl History {
    /// Writes it down.
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
        let leftovers = self.leftovers.iter().cloned().map(Line::Leftover);
        for line in entries.chain(faults).chain(leftovers) {
            writeln!(file, "{}", serde_json::to_string(&line)?)?;
        }
        file.flush().context("cannot write the history to its end")
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is not a history, or one of another format.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = BufReader::new(file).lines();
        let first = lines.next().context("a history has a first line")??;
        let header: Header = serde_json::from_str(&first).context("the first line")?;
        if header.schema != SCHEMA || header.format != FORMAT {
            let Header { schema, format, .. } = header;
            bail!(
                "this is {schema} version {format}; only {SCHEMA} version {FORMAT} can be read"
            );
        }
        let (entries, faults, leftovers) = Default::default();
        let mut history = Self { header, entries, faults, leftovers };
        for line in lines {
            match serde_json::from_str(&line?).context("a line of the history")? {
                Line::Operation(entry) => history.entries.push(entry),
                Line::Fault(fault) => history.faults.push(fault),
                Line::Leftover(leftover) => history.leftovers.push(leftover),
            }
        }
        Ok(history)
    }

    /// The entries of one user.
    pub fn of_user(&self, user: usize) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.user == user)
    }
}
