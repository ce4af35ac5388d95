//! Flags that every server takes.

use crate::log::LogFormat;
use clap::builder::RangedU64ValueParser;
use std::net::SocketAddr;
use std::time::Duration;

/// Longer than our balancer needs to take a replica out: one interval between two checks
/// (250 ms), and the timeout of one check (1 s).
const DEFAULT_DRAIN_GRACE_MS: u64 = 1_500;

/// Addresses, name, log format and drain times.
#[derive(clap::Args, Clone, Debug)]
pub struct EdgeArgs {
    /// Address to listen on; port 0 takes a free one and prints it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Address for /metrics; always loopback [default: no metrics]
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,

    /// Name of this replica, sent with every reply as X-Served-By
    #[arg(long, value_name = "NAME", default_value = "r1", value_parser = replica_id)]
    pub replica_id: String,

    /// How to write the log (to standard error)
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log: LogFormat,

    /// Listen beyond this machine although passwords are sent unencrypted
    #[arg(long)]
    pub insecure_remote: bool,

    /// Milliseconds to go on accepting after SIGTERM while /readyz answers 503, so that a
    /// balancer notices before the listener closes
    #[arg(long, value_name = "MS", default_value_t = DEFAULT_DRAIN_GRACE_MS)]
    pub drain_grace_ms: u64,

    /// Milliseconds that requests in flight may take to finish after that
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub drain_deadline_ms: u64,
}

impl EdgeArgs {
    /// How long to go on accepting after the stop signal.
    #[must_use]
    pub const fn drain_grace(&self) -> Duration {
        Duration::from_millis(self.drain_grace_ms)
    }

    /// How long requests in flight may take to finish after that.
    #[must_use]
    pub const fn drain_deadline(&self) -> Duration {
        Duration::from_millis(self.drain_deadline_ms)
    }
}

/// Refuses 0 for a number, a size or a time with which a server could serve no request.
#[must_use]
pub fn at_least_one<T: TryFrom<u64>>() -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(1..)
}

/// Checks a replica's name. It is sent in a header and in a cookie, so its characters are
/// restricted.
///
/// # Errors
/// When it is empty, longer than 32 or has other characters than `a-z A-Z 0-9 - _`.
pub fn replica_id(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(plain) {
        return Err("use 1 to 32 letters, digits, '-' or '_'".to_owned());
    }
    Ok(text.to_owned())
}
