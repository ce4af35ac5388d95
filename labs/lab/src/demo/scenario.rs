//! The scenarios: a fault, and its expected results.

use crate::demo::configuration::Configuration;
use futures_util::future::try_join_all;
use launcher::Cluster;
use launcher::commands::MemberAction;
use serde::Serialize;
use std::collections::BTreeSet;

/// The ids of the shared services.
const REDIS: &str = "redis";
const DATABASE: &str = "database";

/// A fault with its expected results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Kills one replica (SIGKILL).
    KillAReplica,
    /// Kills all replicas at once and starts them again.
    RestartEverything,
    /// Starts one more replica under load.
    ScaleOut,
    /// Drains, stops and starts each replica, one after another.
    RollingRestart,
    /// Kills one replica while sessions are in a shared store.
    CentralStore,
    /// Kills Redis and leaves it down.
    RedisGoesAway,
    /// Kills Postgres and starts it again.
    PostgresRestarts,
}

impl Scenario {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] = [
        Self::KillAReplica,
        Self::RestartEverything,
        Self::ScaleOut,
        Self::RollingRestart,
        Self::CentralStore,
        Self::RedisGoesAway,
        Self::PostgresRestarts,
    ];

    /// The name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KillAReplica => "kill-a-replica",
            Self::RestartEverything => "restart-everything",
            Self::ScaleOut => "scale-out",
            Self::RollingRestart => "rolling-restart",
            Self::CentralStore => "central-store",
            Self::RedisGoesAway => "redis-goes-away",
            Self::PostgresRestarts => "postgres-restarts",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::KillAReplica => "One replica is killed",
            Self::RestartEverything => "All replicas are killed and started again",
            Self::ScaleOut => "One more replica is started",
            Self::RollingRestart => "Each replica is restarted, one after another",
            Self::CentralStore => "One replica is killed, and sessions are in a store",
            Self::RedisGoesAway => "Redis is killed, and stays down",
            Self::PostgresRestarts => "Postgres is killed and started again",
        }
    }

    /// The fault in one line.
    pub(crate) fn fault(self, target: &str) -> String {
        match self {
            Self::KillAReplica | Self::CentralStore => format!("kill -9 {target}"),
            Self::RedisGoesAway => "kill -9 redis".to_owned(),
            Self::PostgresRestarts => "kill -9 postgres, start it again".to_owned(),
            Self::RestartEverything => {
                "kill -9 every replica, start them again".to_owned()
            }
            Self::ScaleOut => "start r4 and send it requests".to_owned(),
            Self::RollingRestart => {
                "drain, stop (SIGTERM) and start each replica".to_owned()
            }
        }
    }

    /// Injects the fault into one cluster. Returns after the injection, not after the
    /// recovery of the users.
    pub(crate) async fn inject(
        self,
        cluster: &Cluster,
        target: &str,
    ) -> anyhow::Result<()> {
        let replicas = cluster.replica_ids();
        match self {
            Self::KillAReplica | Self::CentralStore => {
                cluster.execute(target, MemberAction::Kill).await
            }
            Self::RedisGoesAway => cluster.execute(REDIS, MemberAction::Kill).await,
            Self::PostgresRestarts => {
                cluster.execute(DATABASE, MemberAction::Kill).await?;
                cluster.execute(DATABASE, MemberAction::Restart).await
            }
            Self::RestartEverything => {
                try_join_all(
                    replicas.iter().map(|id| cluster.execute(id, MemberAction::Kill)),
                )
                .await?;
                let start = |id| cluster.execute(id, MemberAction::Restart);
                try_join_all(replicas.iter().map(|id| start(id))).await.map(drop)
            }
            Self::ScaleOut => cluster.add().await.map(drop),
            Self::RollingRestart => {
                for id in &replicas {
                    cluster.execute(id, MemberAction::Restart).await?;
                }
                Ok(())
            }
        }
    }

    /// The users that must lose their login, if those `on_target` had a session on the
    /// target replica. [`None`] where there is no expectation: behind round robin, logins
    /// are lost all the time.
    pub(crate) fn logged_out(
        self,
        configuration: Configuration,
        users: usize,
        on_target: &BTreeSet<usize>,
    ) -> Option<BTreeSet<usize>> {
        match (configuration, self) {
            (Configuration::MemoryRoundRobin, _) => None,
            (
                Configuration::Token
                | Configuration::Central
                | Configuration::RevocableToken,
                _,
            )
            | (
                Configuration::MemorySticky,
                Self::ScaleOut | Self::RedisGoesAway | Self::PostgresRestarts,
            ) => Some(BTreeSet::new()),
            (Configuration::MemorySticky, Self::KillAReplica | Self::CentralStore) => {
                Some(on_target.clone())
            }
            (
                Configuration::MemorySticky,
                Self::RestartEverything | Self::RollingRestart,
            ) => Some((1..=users).collect()),
        }
    }

    /// The reason why no request may fail during the fault; [`None`] where some may.
    pub(crate) const fn no_failure_check_title(self) -> Option<&'static str> {
        match self {
            Self::ScaleOut | Self::RollingRestart => {
                Some("an orderly change fails no request")
            }
            Self::RedisGoesAway => Some("the loss of a copy fails no request"),
            Self::KillAReplica
            | Self::RestartEverything
            | Self::CentralStore
            | Self::PostgresRestarts => None,
        }
    }

    /// The configurations, in the order of the columns.
    pub(crate) const fn configurations(self) -> &'static [Configuration] {
        match self {
            Self::KillAReplica
            | Self::RestartEverything
            | Self::ScaleOut
            | Self::RollingRestart => &Configuration::PHASE_1,
            Self::CentralStore => &[
                Configuration::MemorySticky,
                Configuration::Central,
                Configuration::Token,
            ],
            Self::RedisGoesAway | Self::PostgresRestarts => {
                &[Configuration::Central, Configuration::RevocableToken]
            }
        }
    }

    /// Whether it kills one replica, the target.
    pub(crate) const fn has_target(self) -> bool {
        matches!(self, Self::KillAReplica | Self::CentralStore)
    }
}
