//! The names of the scenarios on the command line.

use crate::demo::scenario::Scenario;
use clap::ValueEnum;

/// What happens to the servers.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// One of the replicas crashes (SIGKILL)
    KillAReplica,
    /// All replicas crash at once and are started again
    RestartEverything,
    /// One more replica is started under load
    ScaleOut,
    /// Each replica in turn is drained, stopped in order and started again
    RollingRestart,
    /// One of the replicas crashes, and a store that all of them ask remembers
    CentralStore,
    /// A token is revoked, in five ways of looking that up or not
    RevokeAToken,
    /// Redis crashes and does not come back
    RedisGoesAway,
    /// Postgres crashes and is started again
    PostgresRestarts,
    /// A replica crashes in the middle of a large upload
    UploadSurvivesAKill,
}

impl Choice {
    /// The scenario, where it is one for a crowd.
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
