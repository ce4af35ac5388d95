//! The six scenarios: faults and changes of a cluster under load.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A fault or a change of a cluster.
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
    /// No change
    SteadyLoad,
    /// An administrator revokes all sessions and tokens of one user
    RevokeOne,
    /// One replica crashes (SIGKILL) and stays down
    KillAReplica,
    /// All replicas crash, one after another, and are then started again
    KillReplicasInTurn,
    /// Each replica in turn is drained, stopped gracefully and started again
    RollingRestart,
    /// One more replica is started
    ScaleOut,
}

impl Scenario {
    /// In running order: lasting changes of the cluster come last.
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

    /// The fault or change, in one line.
    #[must_use]
    pub fn fault(self, target: &str) -> String {
        match self {
            Self::SteadyLoad => "nothing: each design alone, in turns".to_owned(),
            Self::RevokeOne => "an administrator revokes one user's logins".to_owned(),
            Self::KillAReplica => format!("kill -9 {target}"),
            Self::KillReplicasInTurn => {
                "kill -9 each replica, then start all again".to_owned()
            }
            Self::RollingRestart => "drain, stop (SIGTERM), start each".to_owned(),
            Self::ScaleOut => {
                "start one more replica and route requests to it".to_owned()
            }
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
