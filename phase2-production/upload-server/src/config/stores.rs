//! Flags for where things are kept.

use api_contract::secret::Secret;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

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

    /// Milliseconds after which bytes that no record names are removed
    #[arg(long, value_name = "MS", default_value_t = 3_600_000)]
    pub orphan_grace_ms: u64,

    /// Milliseconds after which an unfinished upload is thrown away; a signed URL is good
    /// for an hour at most
    #[arg(long, value_name = "MS", default_value_t = 86_400_000)]
    pub upload_life_ms: u64,
}
