//! The command line.

pub mod limits;
pub mod proofs;
pub mod stores;

pub use api_contract::design::Design;
use clap::Parser;
use http_edge::args::EdgeArgs;
use limits::LimitArgs;
use proofs::{SessionArgs, TokenArgs};
use std::path::PathBuf;
use stores::StoreArgs;

/// The upload server for production: any replica answers, nothing acknowledged is lost.
#[derive(Clone, Debug, Parser)]
#[command(name = "upload-server", version, args_override_self = true)]
pub struct Config {
    /// What every server takes.
    #[command(flatten)]
    pub edge: EdgeArgs,

    /// Where identity lives
    #[arg(long, value_enum, default_value_t = Design::Central)]
    pub design: Design,

    /// Folder for uploads; replicas must share one, or a bucket (--files-url)
    #[arg(long, value_name = "DIR", default_value = "upload-data")]
    pub data_dir: PathBuf,

    /// Users file to import at the start; who is known already stays as they are
    /// [default: demo accounts in the organisation "main" are made if nobody is in it]
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Largest upload in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024)]
    pub max_upload: u64,

    /// Bytes that one person's files may fill
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024 * 1024)]
    pub quota: u64,

    /// Files that one person may have, empty ones and uploads under way included
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub max_files: u64,

    /// Where things are kept.
    #[command(flatten)]
    pub stores: StoreArgs,

    /// How long sessions live.
    #[command(flatten)]
    pub sessions: SessionArgs,

    /// How tokens are made and unmade.
    #[command(flatten)]
    pub tokens: TokenArgs,

    /// How much is too much.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Site whose pages may call this server from a browser, such as `https://app.test`;
    /// may be repeated [default: only its own]
    #[arg(long = "origin", value_name = "URL")]
    pub origins: Vec<String>,

    /// Milliseconds by which this replica's clock is to be wrong, to see what comes of it
    #[arg(long, value_name = "MS", default_value_t = 0, allow_negative_numbers = true)]
    pub clock_offset_ms: i64,

    /// Address under which browsers see this server; with https the cookie is Secure
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}
