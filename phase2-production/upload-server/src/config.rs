//! The command line.

pub mod credentials;
pub mod limits;
pub mod stores;

pub use api_contract::design::Design;
use clap::Parser;
use credentials::{SessionArgs, TokenArgs};
use http_edge::args::{EdgeArgs, at_least_one};
use limits::LimitArgs;
use std::path::PathBuf;
use stores::StoreArgs;

/// The upload server for production: any replica can answer, and no acknowledged upload
/// is lost
#[derive(Clone, Debug, Parser)]
#[command(name = "upload-server", version, args_override_self = true)]
pub struct Config {
    /// Flags that every server has.
    #[command(flatten)]
    pub edge: EdgeArgs,

    /// Where identity lives
    #[arg(long, value_enum, default_value_t = Design::Central)]
    pub design: Design,

    /// Folder for uploads; replicas must share one, or a bucket (--files-url)
    #[arg(long, value_name = "DIR", default_value = "upload-data")]
    pub data_dir: PathBuf,

    /// Users file to import at the start; existing accounts are not changed
    /// [default: demo accounts in the organisation "main" are made if it is empty]
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Largest upload in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024,
          value_parser = at_least_one::<u64>())]
    pub max_upload: u64,

    /// Bytes that the files of one account may use
    #[arg(long, value_name = "BYTES", default_value_t = 100 * 1024 * 1024 * 1024,
          value_parser = at_least_one::<u64>())]
    pub quota: u64,

    /// Files of one account, including empty ones and unfinished uploads
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = at_least_one::<u64>())]
    pub max_files: u64,

    /// Stores.
    #[command(flatten)]
    pub stores: StoreArgs,

    /// Lifetimes and numbers of sessions.
    #[command(flatten)]
    pub sessions: SessionArgs,

    /// Lifetimes and revocation of tokens.
    #[command(flatten)]
    pub tokens: TokenArgs,

    /// Rate limits.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Origin that may call this server from a browser, such as
    /// `https://app.test`; may be repeated [default: only its own]
    #[arg(long = "origin", value_name = "URL")]
    pub origins: Vec<String>,

    /// Milliseconds by which this replica's clock is wrong, to demonstrate clock skew
    #[arg(long, value_name = "MS", default_value_t = 0, allow_negative_numbers = true)]
    pub clock_offset_ms: i64,

    /// Address at which browsers reach this server; with https the cookie is Secure
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
}
