//! The lab's load balancer in front of the replicas of a check. It runs as a task of the
//! grader and is not graded.

use crate::check_error::{CheckError, CheckResult};
use crate::replica::Replica;
use anyhow::Context;
use clap::Parser;
use load_balancer::Balancer;
use load_balancer::config::{BalancerArgs, Policy};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Maximum time until running replicas are healthy for the balancer.
const HEALTHY_TIMEOUT: Duration = Duration::from_secs(10);

/// A running load balancer. It stops on drop.
#[derive(Debug)]
pub struct BalancerProxy {
    url: String,
    balancer: Balancer,
    stop: CancellationToken,
}

/// The balancer's flags with their defaults.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: BalancerArgs,
}

impl BalancerProxy {
    pub(crate) async fn start(
        replicas: &[&Replica],
        policy: Policy,
    ) -> Result<Self, CheckError> {
        let balanced = Self::start_without_wait(replicas, policy).await?;
        balanced.wait_until_all_up().await?;
        Ok(balanced)
    }

    async fn start_without_wait(
        replicas: &[&Replica],
        policy: Policy,
    ) -> anyhow::Result<Self> {
        let mut args =
            Flags::try_parse_from(["load-balancer", "--listen", "127.0.0.1:0"])?.args;
        args.policy = policy;
        args.check_interval_ms = 50;
        let balancer = Balancer::new(&args)?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("cannot bind the balancer's port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let (handle, stopped) = (balancer.clone(), stop.clone());
        tokio::spawn(async move {
            load_balancer::run(listener, None, handle, stopped.cancelled_owned()).await;
        });
        let balanced = Self { url, balancer, stop };
        for replica in replicas {
            balanced.put(replica)?;
        }
        Ok(balanced)
    }

    /// The balancer's base URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Sets the address of a replica, after a restart for example.
    ///
    /// # Errors
    /// When the replica is not running.
    pub fn put(&self, replica: &Replica) -> anyhow::Result<()> {
        let address = replica.url();
        let address: SocketAddr = address
            .trim_start_matches("http://")
            .parse()
            .with_context(|| format!("replica {} is down", replica.name()))?;
        self.balancer.put_backend(replica.name(), address);
        Ok(())
    }

    /// Waits until every backend is healthy.
    ///
    /// # Errors
    /// When a backend is still unhealthy after ten seconds: its program has ended or hangs.
    pub async fn wait_until_all_up(&self) -> CheckResult {
        let deadline = Instant::now() + HEALTHY_TIMEOUT;
        loop {
            let status = self.balancer.status();
            let up = |backend: &load_balancer::status::BackendStatus| {
                backend.state == load_balancer::status::BackendState::Up
            };
            if status.backends.iter().all(up) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(CheckError::timed_out(
                    "replicas that answer the balancer's health checks",
                    "a replica does not answer them",
                    "A replica must keep running and answering after it has reported ready.",
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for BalancerProxy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
