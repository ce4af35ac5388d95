//! The lab's load balancer in front of replicas, as a task of the grader: it is not what
//! is graded.

use crate::replica::Replica;
use anyhow::{Context, ensure};
use clap::Parser;
use load_balancer::Balancer;
use load_balancer::config::{BalancerArgs, Policy};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long replicas that are up may take to be found healthy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running balancer. Dropped, it stops.
#[derive(Debug)]
pub struct Balanced {
    url: String,
    balancer: Balancer,
    stop: CancellationToken,
}

/// The balancer's flags, none of which is given.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: BalancerArgs,
}

impl Balanced {
    pub(crate) async fn start(
        replicas: &[&Replica],
        policy: Policy,
    ) -> anyhow::Result<Self> {
        let mut args =
            Flags::try_parse_from(["load-balancer", "--listen", "127.0.0.1:0"])?.args;
        args.policy = policy;
        args.check_interval_ms = 50;
        let balancer = Balancer::new(&args)?;
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("a balancer's port")?;
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
        balanced.until_all_are_up().await?;
        Ok(balanced)
    }

    /// Where it takes requests.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Tells it where a replica is now, after a restart.
    ///
    /// # Errors
    /// When the replica is nowhere.
    pub fn put(&self, replica: &Replica) -> anyhow::Result<()> {
        let address = replica.url();
        let address: SocketAddr = address
            .trim_start_matches("http://")
            .parse()
            .with_context(|| format!("replica {} is down", replica.name()))?;
        self.balancer.put_backend(replica.name(), address);
        Ok(())
    }

    /// Returns when every replica it knows takes requests.
    ///
    /// # Errors
    /// When one does not in time.
    pub async fn until_all_are_up(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.balancer.status();
            let up = |backend: &load_balancer::status::BackendStatus| {
                backend.state == load_balancer::status::BackendState::Up
            };
            if status.backends.iter().all(up) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the balancer finds a replica unhealthy");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Balanced {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
