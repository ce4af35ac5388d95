//! The six scenarios: what is done to a cluster while users work.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is done to a cluster.
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
pub enum Scenario {
    /// Nothing
    SteadyLoad,
    /// An administrator ends everything that one user has
    RevokeOne,
    /// One replica crashes (SIGKILL) and stays away
    KillOne,
    /// All replicas crash, one after another, and are then started again
    KillAll,
    /// Each replica in turn is drained, stopped in order and started again
    RollingRestart,
    /// One more replica is started
    AddReplica,
}

impl Scenario {
    /// In the order in which they are played: what changes the cluster for good is last.
    pub const ALL: [Self; 6] = [
        Self::SteadyLoad,
        Self::RevokeOne,
        Self::KillOne,
        Self::KillAll,
        Self::RollingRestart,
        Self::AddReplica,
    ];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SteadyLoad => "steady-load",
            Self::RevokeOne => "revoke-one",
            Self::KillOne => "kill-one",
            Self::KillAll => "kill-all",
            Self::RollingRestart => "rolling-restart",
            Self::AddReplica => "add-replica",
        }
    }

    /// A heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::SteadyLoad => "Steady load",
            Self::RevokeOne => "One user is revoked",
            Self::KillOne => "One replica is killed",
            Self::KillAll => "All replicas are killed, one after another",
            Self::RollingRestart => "Rolling restart",
            Self::AddReplica => "One more replica is started",
        }
    }

    /// What is done, in one line.
    #[must_use]
    pub fn fault(self, victim: &str) -> String {
        match self {
            Self::SteadyLoad => "nothing: each design alone, in turns".to_owned(),
            Self::RevokeOne => "an administrator signs one user out".to_owned(),
            Self::KillOne => format!("kill -9 {victim}"),
            Self::KillAll => "kill -9 each replica, then start all again".to_owned(),
            Self::RollingRestart => "drain, stop (SIGTERM), start each".to_owned(),
            Self::AddReplica => "start one more and send it requests".to_owned(),
        }
    }

    /// Whether no request may fail meanwhile.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        !matches!(self, Self::KillOne | Self::KillAll)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
