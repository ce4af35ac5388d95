//! A balancer in this process, on ports of its own.

use api_contract::secret::Secret;
use clap::Parser;
use load_balancer::admin::Admin;
use load_balancer::config::BalancerArgs;
use load_balancer::status::{BackendState, BackendStatus};
use load_balancer::{Balancer, run};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What the admin listener asks for.
pub(crate) const TOKEN: &str = "token-of-this-test";

/// Checks so often that a test need not wait.
const QUICK: [&str; 2] = ["--check-interval-ms", "10"];

/// Makes the first check the only one: what happens then, traffic has shown.
pub(crate) const ONE_CHECK: [&str; 2] = ["--check-interval-ms", "3600000"];

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

/// What a command line with these flags means.
pub(crate) fn args(flags: &[&str]) -> BalancerArgs {
    CommandLine::parse_from([&["lb"], flags].concat()).args
}

/// A running balancer. Stops, with its checks, when it is dropped.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) balancer: Balancer,
    pub(crate) client: reqwest::Client,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Rig {
    /// A balancer with these flags and backends, all of which are up.
    pub(crate) async fn start(flags: &[&str], backends: &[(&str, SocketAddr)]) -> Self {
        let rig = Self::start_empty(flags).await;
        for (id, address) in backends {
            rig.balancer.put_backend(id, *address);
        }
        for (id, _) in backends {
            rig.until(id, BackendState::Up).await;
        }
        rig
    }

    /// A balancer without backends.
    pub(crate) async fn start_empty(flags: &[&str]) -> Self {
        let default = if flags.contains(&ONE_CHECK[0]) { &[][..] } else { &QUICK };
        let balancer = Balancer::new(&args(&[default, flags].concat())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let orders = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin) =
            (listener.local_addr().unwrap(), orders.local_addr().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(
            listener,
            Some(Admin { listener: orders, token: Secret::new(TOKEN) }),
            balancer.clone(),
            stop.clone().cancelled_owned(),
        ));
        http_edge::crypto::choose();
        let client = reqwest::Client::new();
        Self { address, admin, balancer, client, stop, running }
    }

    /// A URL on the client listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `GET`, and which replica answered.
    pub(crate) async fn who(&self) -> String {
        let reply = self.client.get(self.url("/who")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.headers()["x-served-by"].to_str().unwrap().to_owned()
    }

    /// What the balancer knows of a backend.
    pub(crate) fn status(&self, id: &str) -> BackendStatus {
        self.balancer.status().backend(id).unwrap().clone()
    }

    /// Waits until there is a backend of this name.
    pub(crate) async fn until_known(&self, id: &str) {
        let known = || self.balancer.status().backend(id).is_some();
        until(&format!("{id} is known"), known).await;
    }

    /// Waits until a backend is in `state`.
    pub(crate) async fn until(&self, id: &str, state: BackendState) {
        until(&format!("{id} is {state:?}"), || self.status(id).state == state).await;
    }

    /// Tells the balancer to stop; it goes on until it has drained.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(mut self) {
        tokio::time::timeout(PATIENCE, &mut self.running).await.unwrap().unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
