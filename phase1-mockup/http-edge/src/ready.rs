//! The ready line, with which a process reports its addresses to its parent process.

use crate::build_id;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::SocketAddr;

const PREFIX: &str = "ready ";

/// Printed once on standard output when the process can serve requests.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ReadyLine {
    /// The kind of process, such as `stateful-server`.
    pub role: String,
    /// Its replica id.
    pub replica_id: String,
    /// Where it accepts requests.
    pub address: SocketAddr,
    /// Its admin listener (commands, metrics), if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

/// The line as it is printed.
#[derive(Serialize)]
struct Announced<'a> {
    #[serde(flatten)]
    line: &'a ReadyLine,
    /// See [`build_id`].
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
}

impl ReadyLine {
    /// Prints the line, with the id of this program's build as `build`. A closed standard
    /// output is not an error.
    pub fn announce(&self) {
        let Self { role, replica_id, address, .. } = self;
        let build = build_id::of_this_program();
        tracing::info!(role, replica_id, %address, build, "ready");
        let announced = Announced { line: self, build };
        let json = serde_json::to_string(&announced).unwrap_or_default();
        let mut out = std::io::stdout().lock();
        let _output_is_closed =
            writeln!(out, "{PREFIX}{json}").and_then(|()| out.flush()).is_err();
    }

    /// Parses a line of a child's output; `None` when it is not a ready line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(PREFIX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_line_is_recognised_among_other_output() {
        let line = r#"ready {"role":"x","replica_id":"r1","address":"127.0.0.1:80"}"#;
        assert_eq!(ReadyLine::parse(line).unwrap().replica_id, "r1");
        assert_eq!(ReadyLine::parse("ready or not"), None);
        assert_eq!(ReadyLine::parse("warming up"), None);
    }
}
