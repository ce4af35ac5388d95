//! Errors: a Redis that cannot be used at startup, and failed calls later.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A Redis that is refused at startup. No variant contains the URL, because it contains
/// the password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The text is not a Redis URL.
    #[error("the Redis URL is wrong ({0}); expected redis://:PASSWORD@HOST:6379/0")]
    WrongUrl(String),
    /// No server answers.
    #[error(
        "no Redis answers at {address}: is it running, and can this machine reach it?"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// The error of the connection.
        #[source]
        source: RedisError,
    },
    /// The password is wrong or missing.
    #[error(
        "Redis at {address} refuses the login ({code}): put its user and password in the URL"
    )]
    AuthRefused {
        /// Host and port.
        address: String,
        /// `WRONGPASS`, `NOAUTH`, …
        code: String,
    },
    /// It answers, but cannot be used.
    #[error("Redis at {address} gives an unexpected reply")]
    Unfit {
        /// Host and port.
        address: String,
        /// Its reply.
        #[source]
        source: RedisError,
    },
    /// `INFO` is forbidden, or does not contain the run id and the eviction policy.
    #[error(
        "Redis at {address} does not tell its run_id and maxmemory_policy, so a failover or \
         a lost revocation would be unnoticed: allow its user the command INFO"
    )]
    Unidentified {
        /// Host and port.
        address: String,
    },
    /// It may evict keys to free memory, and with them tombstones and denials: revoked
    /// credentials would be accepted again.
    #[error(
        "Redis at {address} may evict keys (maxmemory-policy {policy}), so revoked \
         credentials would be valid again: run CONFIG SET maxmemory-policy noeviction"
    )]
    Evicting {
        /// Host and port.
        address: String,
        /// Its policy.
        policy: String,
    },
}

/// A failed call. A write may have happened, or may still happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheDown {
    /// Not sent, because the breaker is open.
    #[error("the circuit breaker for Redis is open after recent failures")]
    BreakerOpen,
    /// No reply in time. The outcome is unknown, not "failed": a write that timed out
    /// still happens when a paused Redis resumes.
    #[error("Redis did not answer in time")]
    Timeout,
    /// The connection broke, or the server cannot serve: it is a read-only replica
    /// (`READONLY`), refuses writes because its disk fails (`MISCONF`) or it has too few
    /// replicas (`NOREPLICAS`), is loading, or no longer accepts the password.
    #[error("the connection to Redis is broken: {0}")]
    Lost(String),
    /// Redis is out of memory. Reads and deletions still work.
    #[error("Redis is full")]
    Full,
    /// A working Redis refused this call.
    #[error("Redis refused: {0}")]
    Refused(String),
}

impl CacheDown {
    /// Whether Redis has a fault, in contrast to this call.
    pub(crate) const fn is_outage(&self) -> bool {
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
            _ if refuses_writes(&error.to_string()) => Self::Lost(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// Matched by text, because older servers wrap an error inside a script.
fn refuses_writes(error: &str) -> bool {
    ["READONLY", "MISCONF", "NOREPLICAS"].iter().any(|code| error.contains(code))
}
