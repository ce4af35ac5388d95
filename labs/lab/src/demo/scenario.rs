//! The scenarios: what is done to a cluster, and what the concepts say will come of it.

use crate::demo::lane::Lane;
use cluster::Cluster;
use cluster::orders::Order;
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::BTreeSet;

/// What the launcher calls the services that the replicas share.
const REDIS: &str = "redis";
const DATABASE: &str = "database";

/// A named fault with a question before it and an expectation behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// One of the replicas crashes (SIGKILL).
    KillAReplica,
    /// All replicas crash at once and are started again.
    RestartEverything,
    /// One more replica is started under load
    ScaleOut,
    /// Each replica in turn is drained, stopped in order and started again
    RollingRestart,
    /// One of the replicas crashes, and sessions are in a store that all of them ask
    CentralStore,
    /// Redis crashes and does not come back
    RedisGoesAway,
    /// Postgres crashes and is started again
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

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::KillAReplica => "One replica is killed",
            Self::RestartEverything => "All replicas are killed and started again",
            Self::ScaleOut => "One more replica is started",
            Self::RollingRestart => "Each replica is restarted, one after another",
            Self::CentralStore => "One replica is killed, and a store remembers",
            Self::RedisGoesAway => "Redis is killed, and stays away",
            Self::PostgresRestarts => "Postgres is killed and started again",
        }
    }

    /// What is done, in one line.
    pub(crate) fn fault(self, victim: &str) -> String {
        match self {
            Self::KillAReplica | Self::CentralStore => format!("kill -9 {victim}"),
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

    /// Does it, to one lane. Returns when it is done, not when users have got over it.
    pub(crate) async fn strike(
        self,
        cluster: &Cluster,
        victim: &str,
    ) -> anyhow::Result<()> {
        let replicas = cluster.replica_ids();
        match self {
            Self::KillAReplica | Self::CentralStore => {
                cluster.order(victim, Order::Kill).await
            }
            Self::RedisGoesAway => cluster.order(REDIS, Order::Kill).await,
            Self::PostgresRestarts => {
                cluster.order(DATABASE, Order::Kill).await?;
                cluster.order(DATABASE, Order::Restart).await
            }
            Self::RestartEverything => {
                try_join_all(replicas.iter().map(|id| cluster.order(id, Order::Kill)))
                    .await?;
                let start = |id| cluster.order(id, Order::Restart);
                try_join_all(replicas.iter().map(|id| start(id))).await.map(drop)
            }
            Self::ScaleOut => cluster.add().await.map(drop),
            Self::RollingRestart => {
                for id in &replicas {
                    cluster.order(id, Order::Restart).await?;
                }
                Ok(())
            }
        }
    }

    /// Who of `users` must be logged out by it, if those `at_home` had their login from
    /// the victim. [`None`] where the concepts name nobody: behind round robin, logins
    /// are lost all the time.
    pub(crate) fn logged_out(
        self,
        lane: Lane,
        users: usize,
        at_home: &BTreeSet<usize>,
    ) -> Option<BTreeSet<usize>> {
        match (lane, self) {
            (Lane::MemoryRoundRobin, _) => None,
            (Lane::Token | Lane::Central | Lane::RevocableToken, _)
            | (
                Lane::MemorySticky,
                Self::ScaleOut | Self::RedisGoesAway | Self::PostgresRestarts,
            ) => Some(BTreeSet::new()),
            (Lane::MemorySticky, Self::KillAReplica | Self::CentralStore) => {
                Some(at_home.clone())
            }
            (Lane::MemorySticky, Self::RestartEverything | Self::RollingRestart) => {
                Some((1..=users).collect())
            }
        }
    }

    /// Why no request may fail while it happens; [`None`] where some may.
    pub(crate) const fn costs_nothing(self) -> Option<&'static str> {
        match self {
            Self::ScaleOut | Self::RollingRestart => {
                Some("an orderly change fails no request")
            }
            Self::RedisGoesAway => {
                Some("the loss of what is only a copy fails no request")
            }
            Self::KillAReplica
            | Self::RestartEverything
            | Self::CentralStore
            | Self::PostgresRestarts => None,
        }
    }

    /// Who stands beside whom, in the order of the columns.
    pub(crate) const fn lanes(self) -> &'static [Lane] {
        match self {
            Self::KillAReplica
            | Self::RestartEverything
            | Self::ScaleOut
            | Self::RollingRestart => &Lane::PHASE_1,
            Self::CentralStore => &[Lane::MemorySticky, Lane::Central, Lane::Token],
            Self::RedisGoesAway | Self::PostgresRestarts => {
                &[Lane::Central, Lane::RevocableToken]
            }
        }
    }

    /// Whether it kills one replica, whose users are those to look at.
    pub(crate) const fn has_victim(self) -> bool {
        matches!(self, Self::KillAReplica | Self::CentralStore)
    }
}
