//! Replicas of the shop with one database, and a balancer in front of them.

use grader::balancer::BalancerProxy;
use grader::{CheckContext, CheckError, Policy, Replica};
use serde_json::Value;
use std::time::Duration;

/// Printing time where it does not matter.
const QUICK: Duration = Duration::from_millis(50);

pub(super) struct Shop<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) replicas: Vec<Replica>,
}

impl<'a> Shop<'a> {
    pub(super) async fn open(
        ctx: &'a CheckContext,
        replicas: usize,
    ) -> Result<Self, CheckError> {
        Self::with_work(ctx, replicas, QUICK).await
    }

    /// Opens a shop whose prints take this long.
    pub(super) async fn with_work(
        ctx: &'a CheckContext,
        replicas: usize,
        work: Duration,
    ) -> Result<Self, CheckError> {
        let mut shop = Self { ctx, replicas: Vec::new() };
        for _ in 0..replicas {
            shop.add(work).await?;
        }
        Ok(shop)
    }

    /// Starts another replica.
    pub(super) async fn add(&mut self, work: Duration) -> Result<Replica, CheckError> {
        let replica =
            self.ctx.start(&["--work-ms", &work.as_millis().to_string()]).await?;
        self.replicas.push(replica.clone());
        Ok(replica)
    }

    /// A load balancer with round robin.
    pub(super) async fn balance(&self) -> Result<BalancerProxy, CheckError> {
        let all: Vec<_> = self.replicas.iter().collect();
        self.ctx.balance(&all, Policy::RoundRobin).await
    }

    /// A random replica.
    pub(super) fn any(&self) -> &Replica {
        self.ctx.choose(&self.replicas)
    }

    /// Kills and restarts all replicas, which loses their memory and folders.
    pub(super) async fn restart_all(&self) -> Result<(), CheckError> {
        for replica in &self.replicas {
            replica.kill().await;
        }
        for replica in &self.replicas {
            replica.restart().await?;
        }
        Ok(())
    }

    /// A `POST` of this body.
    pub(super) async fn post(
        &self,
        url: &str,
        path: &str,
        body: &Value,
    ) -> Result<grader::Reply, CheckError> {
        self.ctx.post(url, path).json(body).send().await
    }
}
