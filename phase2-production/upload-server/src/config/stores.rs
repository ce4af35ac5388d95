//! Flags for where things are kept.

use api_contract::secret::Secret;
use clap::Args;
use records::LONGEST_TRANSACTION;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// By how much the clocks of a replica, of a janitor and of the store of the bytes may
/// differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(4);

/// Half of the grace is for the bytes of a file, until the transaction begins that names
/// them. Within the other half that transaction has to end, by any janitor's clock: a
/// shorter grace could remove what was just acknowledged.
const SHORTEST_GRACE_MS: u64 =
    2 * LONGEST_TRANSACTION.saturating_add(CLOCKS_DIFFER).as_secs() * 1_000;

/// Where things are kept. URLs hold passwords, so give them by environment: a command
/// line can be read by everybody on the machine.
#[derive(Args, Clone, Debug)]
pub struct StoreArgs {
    /// Records: postgres://… as the application role, or sqlite://FILE
    /// [default: a SQLite file in the data folder]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// The same database as its owner, to bring its schema up to date at the start
    /// [default: only for SQLite; run `cargo lab migrate` for Postgres]
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true, value_name = "URL")]
    pub database_owner_url: Option<Secret>,

    /// Redis, for the central design, the deny list and limits over all replicas
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<Secret>,

    /// Bucket for the bytes: s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&tls=no
    /// [default: the data folder]
    #[arg(long, env = "FILES_URL", hide_env_values = true, value_name = "URL")]
    pub files_url: Option<Secret>,

    /// File with 32 bytes or more that all replicas share: it signs upload URLs and seals
    /// keys and successors in the records [default: made in the data folder]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// UDP address at which this replica hears the others (replicated design); loopback
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub gossip_listen: SocketAddr,

    /// UDP address of another replica; may be repeated
    #[arg(long = "gossip-seed", value_name = "ADDR")]
    pub gossip_seeds: Vec<SocketAddr>,

    /// Milliseconds after which bytes that no record names are removed; half of it must
    /// outlast a transaction
    #[arg(long, value_name = "MS", default_value_t = 3_600_000,
          value_parser = clap::value_parser!(u64).range(SHORTEST_GRACE_MS..))]
    pub orphan_grace_ms: u64,

    /// Milliseconds after which an unfinished upload is thrown away; a signed URL is good
    /// for an hour at most
    #[arg(long, value_name = "MS", default_value_t = 86_400_000)]
    pub upload_life_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use clap::Parser;

    #[test]
    fn a_grace_that_a_transaction_could_outlast_is_refused() {
        let parse = |grace: u64| {
            let grace = grace.to_string();
            Config::try_parse_from(["upload-server", "--orphan-grace-ms", &grace])
        };
        let shortest = 2 * u64::try_from(LONGEST_TRANSACTION.as_millis()).unwrap();
        assert!(SHORTEST_GRACE_MS > shortest);
        assert!(parse(SHORTEST_GRACE_MS).is_ok());
        assert!(parse(SHORTEST_GRACE_MS - 1).is_err());
    }
}
