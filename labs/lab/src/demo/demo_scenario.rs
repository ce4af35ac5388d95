//! The names of the scenarios on the command line.

use crate::demo::scenario::Scenario;
use clap::ValueEnum;

/// The fault of a demo.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DemoScenario {
    /// Kill one replica (SIGKILL)
    KillAReplica,
    /// Kill all replicas at once and start them again
    RestartEverything,
    /// Start one more replica under load
    ScaleOut,
    /// Drain, stop and start each replica, one after another
    RollingRestart,
    /// Kill one replica while sessions are in a shared store
    CentralStore,
    /// Revoke a token, with each of five revocation methods
    RevokeAToken,
    /// Kill Redis and leave it down
    RedisGoesAway,
    /// Kill Postgres and start it again
    PostgresRestarts,
    /// Kill a replica in the middle of a large upload
    UploadSurvivesAKill,
}

impl DemoScenario {
    /// The scenario, if it is one with many users.
    pub(crate) const fn scenario(self) -> Option<Scenario> {
        Some(match self {
            Self::KillAReplica => Scenario::KillAReplica,
            Self::RestartEverything => Scenario::RestartEverything,
            Self::ScaleOut => Scenario::ScaleOut,
            Self::RollingRestart => Scenario::RollingRestart,
            Self::CentralStore => Scenario::CentralStore,
            Self::RedisGoesAway => Scenario::RedisGoesAway,
            Self::PostgresRestarts => Scenario::PostgresRestarts,
            Self::RevokeAToken | Self::UploadSurvivesAKill => return None,
        })
    }
}
