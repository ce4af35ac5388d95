//! The configurations: a design together with a balancing policy.

use client::AuthScheme;
use launcher::{Design, ServerKind};
use load_balancer::config::Policy;
use serde::Serialize;
use std::ffi::OsString;

/// Users of each configuration, unless `--users` says otherwise.
pub(crate) const DEFAULT_USERS: u16 = 12;

/// A design (where sessions are) behind one kind of balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Configuration {
    /// Sessions in each replica's memory; any replica gets the next request.
    MemoryRoundRobin,
    /// Sessions in each replica's memory; a cookie routes a client to its replica.
    MemorySticky,
    /// A signed token with every request; any replica gets the next one.
    Token,
    /// Sessions in Redis, read by every replica; any of them gets the next request.
    Central,
    /// A signed token with every request, and a revocation check of each.
    RevocableToken,
}

impl Configuration {
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

    /// Whether no fault of a replica explains a lost login, because sessions or tokens
    /// outlive every process.
    pub(crate) const fn sessions_outlive_replicas(self) -> bool {
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

    pub(crate) const fn auth_scheme(self) -> AuthScheme {
        match self.design().has_sessions() {
            true => AuthScheme::Session,
            false => AuthScheme::Token,
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

    /// A teacher may talk for longer than the default lifetime of a token, and an expired
    /// token is not a lost login.
    pub(crate) fn replica_args(self) -> Vec<OsString> {
        match self {
            Self::MemoryRoundRobin | Self::MemorySticky | Self::Central => Vec::new(),
            Self::Token | Self::RevocableToken => {
                vec!["--token-ttl-ms=43200000".into()]
            }
        }
    }
}
