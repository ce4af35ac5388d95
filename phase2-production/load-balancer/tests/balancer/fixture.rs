//! A balancer in this process, on its own ports.

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

/// The token of the admin listener.
pub(crate) const TOKEN: &str = "token-of-this-test";

/// A short check interval, so that tests need not wait.
const SHORT_INTERVAL: [&str; 2] = ["--check-interval-ms", "10"];

/// An interval after which no test is still running: only traffic changes the health after
/// the first check.
pub(crate) const ONE_CHECK: [&str; 2] = ["--check-interval-ms", "3600000"];

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

/// The parsed command line with these flags.
pub(crate) fn args(flags: &[&str]) -> BalancerArgs {
    // `parse_from` would end the process of all tests.
    let parsed = CommandLine::try_parse_from([&["lb"], flags].concat());
    parsed.unwrap_or_else(|error| panic!("{error}")).args
}

/// A running balancer. Stops, with its checks, when it is dropped.
pub(crate) struct TestBalancer {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) handle: Balancer,
    pub(crate) client: reqwest::Client,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl TestBalancer {
    /// A balancer with these flags and backends, all of which are up.
    pub(crate) async fn start(flags: &[&str], backends: &[(&str, SocketAddr)]) -> Self {
        let balancer = Self::start_empty(flags).await;
        for (id, address) in backends {
            balancer.handle.put_backend(id, *address);
        }
        for (id, _) in backends {
            balancer.until(id, BackendState::Up).await;
        }
        balancer
    }

    /// A balancer without backends.
    pub(crate) async fn start_empty(flags: &[&str]) -> Self {
        let default =
            if flags.contains(&ONE_CHECK[0]) { &[][..] } else { &SHORT_INTERVAL };
        http_edge::recorder::install();
        let handle = Balancer::new(&args(&[default, flags].concat())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin) =
            (listener.local_addr().unwrap(), admin_listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(
            listener,
            Some(Admin { listener: admin_listener, token: Secret::new(TOKEN) }),
            handle.clone(),
            stop.clone().cancelled_owned(),
        ));
        http_edge::crypto::install_provider();
        let client = reqwest::Client::new();
        Self { address, admin, handle, client, stop, running }
    }

    /// A URL on the client listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends `GET` and returns the name of the replica that answered.
    pub(crate) async fn serving_replica(&self) -> String {
        let reply = self.client.get(self.url("/name")).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        reply.headers()["x-served-by"].to_str().unwrap().to_owned()
    }

    /// The status of a backend.
    pub(crate) fn status(&self, id: &str) -> BackendStatus {
        self.handle.status().backend(id).unwrap().clone()
    }

    /// Waits until there is a backend with this id.
    pub(crate) async fn until_known(&self, id: &str) {
        let known = || self.handle.status().backend(id).is_some();
        until(&format!("{id} is known"), known).await;
    }

    /// Waits until a backend is in `state`.
    pub(crate) async fn until(&self, id: &str, state: BackendState) {
        until(&format!("{id} is {state:?}"), || self.status(id).state == state).await;
    }

    /// Signals the balancer to stop; it drains first.
    pub(crate) fn signal_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(mut self) {
        tokio::time::timeout(TIMEOUT, &mut self.running).await.unwrap().unwrap();
    }
}

impl Drop for TestBalancer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How long a test waits before it fails.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
