//! The five designs of the upload server of Phase 2.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where login state is kept: the only difference between the five designs.
#[derive(
    Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize,
)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Sessions in each replica's memory; any replica may get the next request
    Memory,
    /// Sessions in each replica's memory; a cookie routes each client to its replica
    Sticky,
    /// Sessions in the memory of every replica, copied by gossip
    Replicated,
    /// Sessions in Redis, with the database as the primary store
    Central,
    /// A signed token with every request, which can be revoked
    Token,
}

impl Design {
    /// All designs, in the order of tables and columns.
    pub const ALL: [Self; 5] =
        [Self::Memory, Self::Sticky, Self::Replicated, Self::Central, Self::Token];

    /// The name on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sticky => "sticky",
            Self::Replicated => "replicated",
            Self::Central => "central",
            Self::Token => "token",
        }
    }

    /// Whether a login starts a session. Otherwise it issues a token.
    #[must_use]
    pub const fn has_sessions(self) -> bool {
        !matches!(self, Self::Token)
    }

    /// Whether it does not work without Redis. The other designs use Redis for rate limits,
    /// if there is one.
    #[must_use]
    pub const fn needs_redis(self) -> bool {
        matches!(self, Self::Central | Self::Token)
    }

    /// Whether a client must send back the balancer's session affinity cookie.
    #[must_use]
    pub const fn needs_cookie(self) -> bool {
        matches!(self, Self::Sticky)
    }

    /// Whether logins are lost without any fault, because any replica gets the next request
    /// and only one replica has the session.
    #[must_use]
    pub const fn loses_logins_without_faults(self) -> bool {
        matches!(self, Self::Memory)
    }

    /// Whether logins must survive every loss of replicas, because their state is kept
    /// outside the replicas.
    #[must_use]
    pub const fn survives_replica_loss(self) -> bool {
        matches!(self, Self::Central | Self::Token)
    }
}

impl fmt::Display for Design {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
