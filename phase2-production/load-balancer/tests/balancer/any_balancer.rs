//! A balancer of either kind, for tests of guarantees that both give.

use crate::fixture::{ONE_CHECK, TIMEOUT, TestBalancer};
use crate::haproxy::HaProxy;
use load_balancer::status::BackendState;
use std::net::SocketAddr;

/// Makes two tests of each guarantee: one of our balancer, one of HAProxy with the
/// configuration of this repository.
macro_rules! either {
    ($($guarantee:ident),+ $(,)?) => {$(
        mod $guarantee {
            use $crate::any_balancer::Kind;

            #[tokio::test]
            async fn ours() {
                super::$guarantee(Kind::Ours).await;
            }

            #[tokio::test]
            async fn haproxy() {
                if $crate::haproxy::is_installed() {
                    super::$guarantee(Kind::HaProxy).await;
                }
            }
        }
    )+};
}

/// The kind of balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    HaProxy,
}

/// The names of the policies in both.
pub(crate) const ROUND_ROBIN: &str = "round-robin";
pub(crate) const STICKY: &str = "sticky";

/// A running balancer.
pub(crate) struct AnyBalancer {
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    running: Running,
}

enum Running {
    Ours(TestBalancer),
    HaProxy(HaProxy),
}

impl AnyBalancer {
    /// A balancer with these backends, all of which are up.
    pub(crate) async fn start(
        kind: Kind,
        policy: &str,
        backends: &[(&str, SocketAddr)],
    ) -> Self {
        Self::start_with(kind, &["--policy", policy], policy, backends).await
    }

    /// A balancer with health checks that never take a backend out.
    pub(crate) async fn start_without_ejection(
        kind: Kind,
        backends: &[(&str, SocketAddr)],
    ) -> Self {
        let flags = [&ONE_CHECK[..], &["--check-fall", "1000"]].concat();
        let balancer = Self::start_with(kind, &flags, ROUND_ROBIN, backends).await;
        if let Running::HaProxy(haproxy) = &balancer.running {
            for (id, _) in backends {
                haproxy.command(&format!("disable health replicas/{id}")).await;
            }
        }
        balancer
    }

    async fn start_with(
        kind: Kind,
        flags: &[&str],
        policy: &str,
        backends: &[(&str, SocketAddr)],
    ) -> Self {
        let running = match kind {
            Kind::Ours => Running::Ours(TestBalancer::start(flags, backends).await),
            Kind::HaProxy => Running::HaProxy(HaProxy::start(policy, backends).await),
        };
        let address = match &running {
            Running::Ours(balancer) => balancer.address,
            Running::HaProxy(haproxy) => haproxy.address,
        };
        http_edge::crypto::install_provider();
        Self { address, client: reqwest::Client::new(), running }
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

    /// Waits until a backend gets requests.
    pub(crate) async fn until_up(&self, id: &str) {
        match &self.running {
            Running::Ours(balancer) => balancer.until(id, BackendState::Up).await,
            Running::HaProxy(haproxy) => haproxy.until(id, |state| state == "UP").await,
        }
    }

    /// Waits until a backend gets no requests, because it is down or reports not ready.
    pub(crate) async fn until_not_up(&self, id: &str) {
        match &self.running {
            Running::Ours(balancer) => {
                let out = [BackendState::Down, BackendState::Draining];
                let is_out = || out.contains(&balancer.status(id).state);
                crate::fixture::until(&format!("{id} is out"), is_out).await;
            }
            Running::HaProxy(haproxy) => haproxy.until(id, |state| state == "DOWN").await,
        }
    }

    /// The number of connections that a backend has refused.
    pub(crate) async fn refusals(&self, id: &str) -> u64 {
        match &self.running {
            Running::Ours(balancer) => balancer.status(id).failures,
            Running::HaProxy(haproxy) => {
                haproxy.statistic(id, "wretr").await.parse::<u64>().unwrap()
                    + haproxy.statistic(id, "wredis").await.parse::<u64>().unwrap()
            }
        }
    }

    /// Drains a backend by command.
    pub(crate) async fn drain(&self, id: &str) {
        match &self.running {
            Running::Ours(balancer) => drop(balancer.handle.drain_backend(id).unwrap()),
            Running::HaProxy(haproxy) => {
                let command = format!("set server replicas/{id} state drain");
                assert_eq!(haproxy.command(&command).await.trim(), "");
            }
        }
    }

    /// Signals the balancer to stop; it drains first.
    pub(crate) async fn signal_stop(&self) {
        match &self.running {
            Running::Ours(balancer) => balancer.signal_stop(),
            Running::HaProxy(haproxy) => haproxy.signal_stop(),
        }
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        match self.running {
            Running::Ours(balancer) => balancer.stopped().await,
            Running::HaProxy(haproxy) => haproxy.stopped().await,
        }
    }
}

/// Awaits a future, with a timeout.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap()
}
