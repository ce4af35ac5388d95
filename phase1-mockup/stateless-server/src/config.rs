//! The command line.

use crate::tokens::TokenRules;
use clap::Parser;
use http_edge::args::{EdgeArgs, at_least_one};
use std::path::PathBuf;
use std::time::Duration;

/// A stateless upload server: send a password or a token with every request.
#[derive(Clone, Debug, Parser)]
#[command(name = "stateless-server", version, args_override_self = true)]
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

    /// File with the key that signs tokens, 32 bytes or more, the same for all replicas
    /// [default: a random key; tokens end with the process]
    #[arg(long, value_name = "FILE")]
    pub token_key_file: Option<PathBuf>,

    /// Lifetime of a token in milliseconds, rounded up to whole seconds
    #[arg(long, value_name = "MS", default_value_t = 3_600_000,
          value_parser = at_least_one::<u64>())]
    pub token_ttl_ms: u64,

    /// Also accept ?username=...&password=... and log whole URLs, to demonstrate password
    /// leaks. Loopback only
    #[arg(long)]
    pub credentials_in_url: bool,
}

impl Config {
    /// The properties of new tokens.
    #[must_use]
    pub const fn token_rules(&self) -> TokenRules {
        TokenRules { life: Duration::from_secs(self.token_ttl_ms.div_ceil(1000)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused_where_no_request_could_be_served() {
        for flag in ["--max-upload", "--token-ttl-ms"] {
            let parsed =
                |value| Config::try_parse_from(["stateless-server", flag, value]);
            assert!(parsed("0").is_err(), "{flag}");
            assert!(parsed("1").is_ok(), "{flag}");
        }
    }
}
