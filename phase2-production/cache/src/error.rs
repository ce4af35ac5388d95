//! Why Redis cannot be used: at the start, and later.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a Redis was refused at the start. No variant holds the URL, because it holds the
/// password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read as the address of a Redis.
    #[error("the Redis URL is wrong ({0}); it looks like redis://:PASSWORD@HOST:6379/0")]
    WrongUrl(String),
    /// Nobody answers there.
    #[error(
        "no Redis answers at {address}: is it running, and may this machine reach it?"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the connection said.
        #[source]
        source: RedisError,
    },
    /// It wants another password, or one at all.
    #[error(
        "Redis at {address} refuses us ({code}): put its user and password in the URL"
    )]
    AuthRefused {
        /// Host and port.
        address: String,
        /// `WRONGPASS`, `NOAUTH`, …
        code: String,
    },
    /// It answers, but not as a Redis that can be used.
    #[error("Redis at {address} does not answer as it should")]
    Unfit {
        /// Host and port.
        address: String,
        /// What it said.
        #[source]
        source: RedisError,
    },
    /// It would throw keys away to make room, and with them the word that something was
    /// revoked: who was shut out would be let in again.
    #[error(
        "Redis at {address} may evict keys (maxmemory-policy {policy}), so revoked proofs \
         would live again: run CONFIG SET maxmemory-policy noeviction"
    )]
    Evicting {
        /// Host and port.
        address: String,
        /// Its policy.
        policy: String,
    },
}

/// No answer from Redis. What was to be written may have been written, or may yet be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheDown {
    /// Nothing was sent: the breaker is open.
    #[error("Redis failed a moment ago and is not asked")]
    Resting,
    /// No answer in time. This is "unknown" and never "failed": a write that timed out
    /// still happens when a paused Redis wakes.
    #[error("Redis did not answer in time")]
    Timeout,
    /// The connection broke, or leads to a Redis that cannot serve: one that only copies
    /// another (`READONLY`), that refuses to write because its disk fails (`MISCONF`) or too
    /// few copy it (`NOREPLICAS`), that is loading, or that no longer accepts the password.
    #[error("the connection to Redis is broken: {0}")]
    Lost(String),
    /// Redis is full and refuses to remember more. Reading and deleting still work.
    #[error("Redis is full")]
    Full,
    /// Redis is well and refused this call.
    #[error("Redis refused: {0}")]
    Refused(String),
}

impl CacheDown {
    /// Whether this is trouble with Redis, and not with one call.
    pub(crate) const fn is_trouble(&self) -> bool {
        matches!(self, Self::Timeout | Self::Lost(_))
    }
}

impl From<RedisError> for CacheDown {
    fn from(error: RedisError) -> Self {
        use ServerErrorKind as Server;
        if error.is_timeout() {
            return Self::Timeout;
        }
        match (error.kind(), error.code()) {
            (_, Some("OOM")) => Self::Full,
            (ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed, _)
            | (
                ErrorKind::Server(
                    Server::ReadOnly
                    | Server::BusyLoading
                    | Server::MasterDown
                    | Server::ClusterDown
                    | Server::TryAgain,
                ),
                _,
            )
            | (_, Some("NOAUTH" | "WRONGPASS" | "BUSY")) => Self::Lost(error.to_string()),
            _ if does_not_write(&error.to_string()) => Self::Lost(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// By its text, because older servers wrap what a script was told.
fn does_not_write(error: &str) -> bool {
    ["READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| error.contains(code))
}
