//! The ready line: how a process tells whoever started it where it listens.

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::SocketAddr;

const PREFIX: &str = "ready ";

/// Printed once on standard output when the first request can be served.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ReadyLine {
    /// What kind of process this is, such as `stateful-server`.
    pub role: String,
    /// Its name among its peers.
    pub replica_id: String,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Where it takes orders or shows metrics, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<SocketAddr>,
}

impl ReadyLine {
    /// Prints the line; a closed standard output is nobody listening, not a fault.
    pub fn announce(&self) {
        let Self { role, replica_id, address, .. } = self;
        tracing::info!(role, replica_id, %address, "ready");
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut out = std::io::stdout().lock();
        let _nobody_listens =
            writeln!(out, "{PREFIX}{json}").and_then(|()| out.flush()).is_err();
    }

    /// Reads a line of a child's output; `None` when it is some other line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line.strip_prefix(PREFIX)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_is_recognised_among_other_output() {
        let line = r#"ready {"role":"x","replica_id":"r1","address":"127.0.0.1:80"}"#;
        assert_eq!(ReadyLine::parse(line).unwrap().replica_id, "r1");
        assert_eq!(ReadyLine::parse("ready or not"), None);
        assert_eq!(ReadyLine::parse("warming up"), None);
    }
}
