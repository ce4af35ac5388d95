//! The scenarios: what is done to a cluster, and what the concepts say will come of it.

use crate::demo::lane::Lane;
use clap::ValueEnum;
use cluster::Cluster;
use cluster::orders::Order;
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::BTreeSet;

/// A named fault with a question before it and an expectation behind it.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// One of the replicas crashes (SIGKILL)
    KillAReplica,
    /// All replicas crash at once and are started again
    RestartEverything,
    /// One more replica is started under load
    ScaleOut,
    /// Each replica in turn is drained, stopped in order and started again
    RollingRestart,
}

impl Scenario {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::KillAReplica => "One replica is killed",
            Self::RestartEverything => "All replicas are killed and started again",
            Self::ScaleOut => "One more replica is started",
            Self::RollingRestart => "Each replica is restarted, one after another",
        }
    }

    /// What is done, in one line.
    pub(crate) fn fault(self, victim: &str) -> String {
        match self {
            Self::KillAReplica => format!("kill -9 {victim}"),
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
            Self::KillAReplica => cluster.order(victim, Order::Kill).await,
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
            (Lane::Token, _) | (Lane::MemorySticky, Self::ScaleOut) => {
                Some(BTreeSet::new())
            }
            (Lane::MemorySticky, Self::KillAReplica) => Some(at_home.clone()),
            (Lane::MemorySticky, Self::RestartEverything | Self::RollingRestart) => {
                Some((1..=users).collect())
            }
        }
    }

    /// Whether a request may fail while it happens. An orderly change must cost nothing.
    pub(crate) const fn may_fail_requests(self) -> bool {
        matches!(self, Self::KillAReplica | Self::RestartEverything)
    }
}
