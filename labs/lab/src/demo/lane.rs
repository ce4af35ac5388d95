//! The lanes: the same crowd in front of three ways of knowing who is calling.

use cluster::{Design, ServerKind};
use load_balancer::config::Policy;
use serde::Serialize;
use std::ffi::OsString;

/// One way of knowing who is calling, behind one kind of balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lane {
    /// Sessions in each replica's memory; any replica gets the next request.
    MemoryRoundRobin,
    /// Sessions in each replica's memory; a cookie brings a client back to its replica.
    MemorySticky,
    /// A signed token with every request; any replica gets the next one.
    Token,
    /// Sessions in Redis, which every replica asks; any of them gets the next request.
    Central,
    /// A signed token with every request, and with each a look whether it was revoked.
    RevocableToken,
}

impl Lane {
    /// Those of Phase 1, in the order of the columns.
    pub(crate) const PHASE_1: [Self; 3] =
        [Self::MemoryRoundRobin, Self::MemorySticky, Self::Token];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::MemoryRoundRobin => "memory, round robin",
            Self::MemorySticky => "memory, sticky",
            Self::Token => "token (JWT)",
            Self::Central => "central (Redis)",
            Self::RevocableToken => "token, revocable",
        }
    }

    /// Whether no fault of a server explains a lost login: whoever is known, is known by
    /// something that outlives every process.
    pub(crate) const fn loses_nobody(self) -> bool {
        match self {
            Self::MemoryRoundRobin | Self::MemorySticky => false,
            Self::Token | Self::Central | Self::RevocableToken => true,
        }
    }

    pub(crate) const fn design(self) -> ServerKind {
        match self {
            Self::MemoryRoundRobin | Self::MemorySticky => ServerKind::Stateful,
            Self::Token => ServerKind::Stateless,
            Self::Central => ServerKind::Upload(Design::Central),
            Self::RevocableToken => ServerKind::Upload(Design::Token),
        }
    }

    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::MemorySticky => Policy::Sticky,
            Self::MemoryRoundRobin
            | Self::Token
            | Self::Central
            | Self::RevocableToken => Policy::RoundRobin,
        }
    }

    /// A class may be talked to for longer than a token lives by default, and a token that
    /// has expired is not a login lost.
    pub(crate) fn replica_args(self) -> Vec<OsString> {
        match self {
            Self::MemoryRoundRobin | Self::MemorySticky | Self::Central => Vec::new(),
            Self::Token | Self::RevocableToken => {
                vec!["--token-ttl-ms=43200000".into()]
            }
        }
    }
}
