//! Starts three replicas as processes and a balancer in the test process.

use crate::PROGRAM;
use crate::stores::TestStores;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use clap::Parser;
use load_balancer::config::BalancerArgs;
use load_balancer::status::BackendState;
use load_balancer::{Balancer, run};
use std::net::UdpSocket;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

const REPLICAS: usize = 3;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

/// Replicas behind a balancer. Dropping it stops all of them.
pub(crate) struct TestCluster {
    pub(crate) replicas: Vec<Started>,
    pub(crate) url: String,
    pub(crate) balancer: Balancer,
    /// Stops the balancer when dropped.
    _stop: DropGuard,
}

impl TestCluster {
    /// Starts `r1` to `r3` on the same stores and waits until the balancer reports all
    /// three up.
    pub(crate) async fn start(
        stores: &TestStores,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        Self::start_of(PROGRAM, stores, design, more).await
    }

    /// The same with replicas of any program.
    pub(crate) async fn start_of(
        program: &str,
        stores: &TestStores,
        design: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let gossip = free_udp_ports()?;
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            let (id, listen) = (format!("r{}", number + 1), gossip[number].clone());
            let mut flags = vec!["--replica-id", &id, "--gossip-listen", &listen];
            let others = gossip.iter().filter(|other| **other != listen);
            flags.extend(others.flat_map(|other| ["--gossip-seed", other]));
            flags.extend(more);
            replicas.push(stores.replica_of(program, design, &flags).await?);
        }
        let policy = if design == "sticky" { "sticky" } else { "round-robin" };
        let flags = ["lb", "--policy", policy, "--check-interval-ms", "50"];
        let balancer = Balancer::new(&CommandLine::parse_from(flags).args)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let shutdown = stop.clone().cancelled_owned();
        tokio::spawn(run(listener, None, balancer.clone(), shutdown));
        let cluster = Self { replicas, url, balancer, _stop: stop.drop_guard() };
        cluster.register_replicas().await?;
        Ok(cluster)
    }

    async fn register_replicas(&self) -> anyhow::Result<()> {
        for started in &self.replicas {
            let ready = started.server.ready();
            self.balancer.put_backend(&ready.replica_id, ready.address);
        }
        let all_up = async || {
            let status = self.balancer.status();
            let up = status.backends.iter().filter(|one| one.state == BackendState::Up);
            Ok((up.count() == REPLICAS).then_some(()))
        };
        eventually(PROCESS_TIMEOUT, "three replicas to be up", all_up).await
    }
}

/// Free UDP addresses on loopback. Another process may still take one before a replica
/// binds it.
fn free_udp_ports() -> anyhow::Result<Vec<String>> {
    let sockets: Vec<_> = (0..REPLICAS)
        .map(|_| UdpSocket::bind("127.0.0.1:0"))
        .collect::<Result<_, _>>()?;
    let addresses = sockets.iter().map(|socket| Ok(socket.local_addr()?.to_string()));
    addresses.collect()
}
