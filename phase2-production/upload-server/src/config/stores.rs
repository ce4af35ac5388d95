//! Flags for the stores.

use api_contract::secret::Secret;
use blobs::FLUSH_INTERVAL;
use clap::Args;
use http_edge::BODY_READ_TIMEOUT;
use http_edge::args::at_least_one;
use records::MAX_TRANSACTION_DURATION;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Largest clock difference between a replica, a janitor and the file store.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(4);

/// Half of the grace is for writing the bytes, until the transaction that references them
/// begins. That transaction must end within the other half, by any janitor's clock. A
/// shorter grace could remove a file that was just acknowledged.
const FOR_TRANSACTION: Duration =
    MAX_TRANSACTION_DURATION.saturating_add(MAX_CLOCK_SKEW).saturating_mul(2);

/// The slowest body that the server allows: silent for as long as it may be, just before
/// its bytes would have been written. A shorter grace could remove the bytes of a running
/// upload. The duration of a transaction is for a slow disk.
const FOR_SLOW_BODY: Duration = BODY_READ_TIMEOUT
    .saturating_add(FLUSH_INTERVAL)
    .saturating_add(MAX_CLOCK_SKEW)
    .saturating_add(MAX_TRANSACTION_DURATION);

const MIN_ORPHAN_GRACE_MS: u64 = 1_000
    * if FOR_SLOW_BODY.as_secs() > FOR_TRANSACTION.as_secs() {
        FOR_SLOW_BODY.as_secs()
    } else {
        FOR_TRANSACTION.as_secs()
    };

/// Stores. URLs contain passwords, so pass them by environment: every user of the machine
/// can read a command line.
#[derive(Args, Clone, Debug)]
pub struct StoreArgs {
    /// Database: postgres://… as the application role, or sqlite://FILE
    /// [default: a SQLite file in the data folder]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// The same database as its owner, to migrate its schema at the start
    /// [default: only for SQLite; run `cargo lab migrate` for Postgres]
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true, value_name = "URL")]
    pub database_owner_url: Option<Secret>,

    /// Redis, for the central design, the deny list and limits over all replicas
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<Secret>,

    /// Bucket for the files: s3://KEY:SECRET@HOST:PORT/BUCKET?region=R&tls=no
    /// [default: the data folder]
    #[arg(long, env = "FILES_URL", hide_env_values = true, value_name = "URL")]
    pub files_url: Option<Secret>,

    /// File with 32 bytes or more that all replicas share: it signs upload URLs and
    /// encrypts keys and refresh tokens in the database [default: made in the data
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// UDP address at which this replica receives gossip (replicated design); loopback
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub gossip_listen: SocketAddr,

    /// UDP address of another replica; may be repeated
    #[arg(long = "gossip-seed", value_name = "ADDR")]
    pub gossip_seeds: Vec<SocketAddr>,

    /// Milliseconds after which a blob without a row is removed; longer than the slowest
    /// body is silent, and half of it longer than a transaction
    #[arg(long, value_name = "MS", default_value_t = 3_600_000,
          value_parser = clap::value_parser!(u64).range(MIN_ORPHAN_GRACE_MS..))]
    pub orphan_grace_ms: u64,

    /// Milliseconds after which an unfinished upload is removed; a signed URL is valid
    /// for an hour at most
    #[arg(long, value_name = "MS", default_value_t = 86_400_000,
          value_parser = at_least_one::<u64>())]
    pub upload_life_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use clap::Parser;

    #[test]
    fn orphan_grace_shorter_than_a_slow_body_is_refused() {
        let parse = |grace: u64| {
            let grace = grace.to_string();
            Config::try_parse_from(["upload-server", "--orphan-grace-ms", &grace])
        };
        let shortest = 2 * u64::try_from(MAX_TRANSACTION_DURATION.as_millis()).unwrap();
        assert!(MIN_ORPHAN_GRACE_MS > shortest);
        let silence = BODY_READ_TIMEOUT + FLUSH_INTERVAL;
        assert!(u128::from(MIN_ORPHAN_GRACE_MS) > silence.as_millis());
        assert!(parse(MIN_ORPHAN_GRACE_MS).is_ok());
        assert!(parse(MIN_ORPHAN_GRACE_MS - 1).is_err());
    }
}
