//! The command line.

use crate::sessions::SessionLimits;
use clap::Parser;
use http_edge::args::{EdgeArgs, at_least_one};
use std::path::PathBuf;
use std::time::Duration;

/// A stateful upload server: log in once, then send the session id.
#[derive(Clone, Debug, Parser)]
#[command(name = "stateful-server", version, args_override_self = true)]
pub struct Config {
    /// The flags of all servers.
    #[command(flatten)]
    pub edge: EdgeArgs,

    /// Folder for uploads; replicas may share one
    #[arg(long, value_name = "DIR", default_value = "upload-data")]
    pub data_dir: PathBuf,

    /// Users file [default: created with demo accounts in the data folder]
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Largest upload in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024,
          value_parser = at_least_one::<u64>())]
    pub max_upload: u64,

    /// Idle timeout of a session in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 3_600_000,
          value_parser = at_least_one::<u64>())]
    pub idle_timeout_ms: u64,

    /// Absolute timeout of a session in milliseconds, even if it is in use
    #[arg(long, value_name = "MS", default_value_t = 43_200_000,
          value_parser = at_least_one::<u64>())]
    pub absolute_timeout_ms: u64,

    /// Maximum number of live sessions; further logins are refused
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = at_least_one::<usize>())]
    pub max_sessions: usize,

    /// Milliseconds between two sweeps for expired sessions
    #[arg(long, value_name = "MS", default_value_t = 30_000,
          value_parser = at_least_one::<u64>())]
    pub sweep_ms: u64,
}

impl Config {
    /// The lifetime and number of sessions.
    #[must_use]
    pub const fn session_limits(&self) -> SessionLimits {
        SessionLimits {
            idle: Duration::from_millis(self.idle_timeout_ms),
            absolute: Duration::from_millis(self.absolute_timeout_ms),
            max_live: self.max_sessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused_where_no_request_could_be_served() {
        for flag in [
            "--max-upload",
            "--idle-timeout-ms",
            "--absolute-timeout-ms",
            "--max-sessions",
            "--sweep-ms",
        ] {
            let parsed = |value| Config::try_parse_from(["stateful-server", flag, value]);
            assert!(parsed("0").is_err(), "{flag}");
            assert!(parsed("1").is_ok(), "{flag}");
        }
    }
}
