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
    KillAReplica,
    /// All replicas crash, one after another, and are then started again
    KillReplicasInTurn,
    /// Each replica in turn is drained, stopped in order and started again
    RollingRestart,
    /// One more replica is started
    ScaleOut,
}

impl Scenario {
    /// In the order in which they are played: what changes the cluster for good is last.
    pub const ALL: [Self; 6] = [
        Self::SteadyLoad,
        Self::RevokeOne,
        Self::KillAReplica,
        Self::KillReplicasInTurn,
        Self::RollingRestart,
        Self::ScaleOut,
    ];

    /// The name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SteadyLoad => "steady-load",
            Self::RevokeOne => "revoke-one",
            Self::KillAReplica => "kill-a-replica",
            Self::KillReplicasInTurn => "kill-replicas-in-turn",
            Self::RollingRestart => "rolling-restart",
            Self::ScaleOut => "scale-out",
        }
    }

    /// A heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::SteadyLoad => "Steady load",
            Self::RevokeOne => "One user is revoked",
            Self::KillAReplica => "One replica is killed",
            Self::KillReplicasInTurn => "All replicas are killed, one after another",
            Self::RollingRestart => "Rolling restart",
            Self::ScaleOut => "One more replica is started",
        }
    }

    /// What is done, in one line.
    #[must_use]
    pub fn fault(self, target: &str) -> String {
        match self {
            Self::SteadyLoad => "nothing: each design alone, in turns".to_owned(),
            Self::RevokeOne => "an administrator signs one user out".to_owned(),
            Self::KillAReplica => format!("kill -9 {target}"),
            Self::KillReplicasInTurn => {
                "kill -9 each replica, then start all again".to_owned()
            }
            Self::RollingRestart => "drain, stop (SIGTERM), start each".to_owned(),
            Self::ScaleOut => "start one more and send it requests".to_owned(),
        }
    }

    /// Whether no request may fail meanwhile.
    #[must_use]
    pub const fn is_orderly(self) -> bool {
        !matches!(self, Self::KillAReplica | Self::KillReplicasInTurn)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
