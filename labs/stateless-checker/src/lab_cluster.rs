//! The servers of this lab: the steps of their users, and a cluster of them.

use crate::description::Description;
use crate::instances::{Instance, Instances, Restart};
use anyhow::Context;
use api_contract::secret::Secret;
use async_trait::async_trait;
use launcher::commands::MemberAction;
use launcher::{Backing, Cluster, Program, ServerKind, Topology, Users};
use std::sync::Arc;

/// The account of the users. The cluster is reachable from this machine only, and stops with
/// the check.
const USERNAME: &str = "alice";
const PASSWORD: &str = "correct-horse";

/// The steps of a user of this design.
///
/// # Panics
/// Never: a test parses the descriptions.
#[must_use]
pub fn description(design: ServerKind) -> Description {
    let text = match design.has_sessions() {
        true => include_str!("../descriptions/sessions.toml"),
        false => include_str!("../descriptions/tokens.toml"),
    };
    let values = [("username", USERNAME), ("password", PASSWORD)];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let parsed = Description::parse_with(text, &values);
    let mut description = parsed.expect("a test reads them");
    description.service = format!("design {}", design.as_str());
    description
}

/// A cluster of two replicas that are called directly, because a sticky balancer would hide
/// the state that the check looks for.
pub struct LabCluster {
    cluster: Arc<Cluster>,
}

impl LabCluster {
    /// Starts the cluster.
    ///
    /// # Errors
    /// When it does not start; then it leaves nothing behind.
    pub async fn start(
        program: Program,
        design: ServerKind,
        backing: Backing,
    ) -> anyhow::Result<Self> {
        let users = Users::WithPassword(Secret::new(PASSWORD));
        let cluster = Cluster::start(Topology {
            replicas: 2,
            users,
            backing,
            ..Topology::on_loopback(program, design)
        });
        Ok(Self { cluster: Arc::new(cluster.await?) })
    }

    /// Its replicas, each at its own address.
    ///
    /// # Errors
    /// When one is down.
    pub async fn instances(&self) -> anyhow::Result<Instances> {
        let ids = self.cluster.replica_ids();
        let mut list = Vec::new();
        for id in &ids {
            list.push(Instance::new(id, &address(&self.cluster, id).await?));
        }
        let cluster = Arc::clone(&self.cluster);
        Ok(Instances::new(list)?.restarted_by(ClusterRestart { cluster, ids }))
    }

    /// Stops the cluster.
    pub async fn down(self) {
        self.cluster.down().await;
    }
}

/// Restarts replicas through their cluster: SIGKILL for all of them, and a new start.
struct ClusterRestart {
    cluster: Arc<Cluster>,
    ids: Vec<String>,
}

#[async_trait]
impl Restart for ClusterRestart {
    fn can_restart(&self, which: usize) -> bool {
        which < self.ids.len()
    }

    fn stops_all_before_start(&self, _indexes: &[usize]) -> bool {
        true
    }

    async fn restart(&self, indexes: &[usize]) -> anyhow::Result<Vec<String>> {
        for which in indexes {
            self.cluster.execute(&self.ids[*which], MemberAction::Kill).await?;
        }
        let mut urls = Vec::new();
        for which in indexes {
            let id = &self.ids[*which];
            self.cluster.execute(id, MemberAction::Restart).await?;
            urls.push(address(&self.cluster, id).await?);
        }
        Ok(urls)
    }
}

async fn address(cluster: &Cluster, id: &str) -> anyhow::Result<String> {
    let status = cluster.status().await;
    let member = status.member(id).and_then(|member| member.address);
    let address = member.with_context(|| format!("{id} is down"))?;
    Ok(format!("http://{address}"))
}
