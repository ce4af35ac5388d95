//! The five designs that are compared.

use cluster::Design;
use load_balancer::config::Policy;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A way of identifying callers, with the balancing policy that suits it.
#[derive(
    clap::ValueEnum,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Sessions in each replica's memory; requests go to any replica
    Memory,
    /// The same, with a cookie that routes a client to its replica
    Sticky,
    /// Sessions in every replica's memory, kept equal by gossip
    Replicated,
    /// Sessions in Redis, before the database
    Central,
    /// A signed token with every request
    Token,
}

impl Contender {
    /// In the order of the columns.
    pub const ALL: [Self; 5] =
        [Self::Memory, Self::Sticky, Self::Replicated, Self::Central, Self::Token];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.design().as_str()
    }

    /// The launcher's name for the design.
    #[must_use]
    pub const fn design(self) -> Design {
        match self {
            Self::Memory => Design::Memory,
            Self::Sticky => Design::Sticky,
            Self::Replicated => Design::Replicated,
            Self::Central => Design::Central,
            Self::Token => Design::Token,
        }
    }

    /// How the balancer picks a replica.
    #[must_use]
    pub const fn policy(self) -> Policy {
        self.design().usual_policy()
    }

    /// Whether a client must send the balancer's cookie.
    #[must_use]
    pub fn needs_cookie(self) -> bool {
        self.policy() == Policy::Sticky
    }

    /// Whether logins are lost without any fault, because requests go to any replica and a
    /// session is in one of them.
    #[must_use]
    pub const fn forgets_all_the_time(self) -> bool {
        matches!(self, Self::Memory)
    }

    /// Whether the loss of replicas never explains a lost login: the state for identifying
    /// callers outlives every replica.
    #[must_use]
    pub const fn outlives_replicas(self) -> bool {
        matches!(self, Self::Central | Self::Token)
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
