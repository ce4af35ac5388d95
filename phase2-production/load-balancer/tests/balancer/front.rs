//! A balancer of either kind, for what both of them promise.

use crate::haproxy::HaProxy;
use crate::rig::{ONE_CHECK, PATIENCE, Rig};
use load_balancer::status::BackendState;
use std::net::SocketAddr;

/// Makes two tests of each promise: one of our balancer, one of HAProxy with the
/// configuration that is shipped.
macro_rules! either {
    ($($promise:ident),+ $(,)?) => {$(
        mod $promise {
            use $crate::front::Kind;

            #[tokio::test]
            async fn ours() {
                super::$promise(Kind::Ours).await;
            }

            #[tokio::test]
            async fn haproxy() {
                if $crate::haproxy::is_here().await {
                    super::$promise(Kind::HaProxy).await;
                }
            }
        }
    )+};
}

/// Which balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    HaProxy,
}

/// What both call "each in turn", and "the one that the cookie names".
pub(crate) const ROUND_ROBIN: &str = "round-robin";
pub(crate) const STICKY: &str = "sticky";

/// A running balancer.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    running: Running,
}

enum Running {
    Ours(Rig),
    HaProxy(HaProxy),
}

impl Front {
    /// One before these backends, all of which it has found well.
    pub(crate) async fn start(
        kind: Kind,
        policy: &str,
        backends: &[(&str, SocketAddr)],
    ) -> Self {
        Self::start_with(kind, &["--policy", policy], policy, backends).await
    }

    /// One that goes on taking these backends to be well, whatever becomes of them: what
    /// happens then, only traffic shows.
    pub(crate) async fn start_blind(kind: Kind, backends: &[(&str, SocketAddr)]) -> Self {
        let flags = [&ONE_CHECK[..], &["--check-fall", "1000"]].concat();
        let front = Self::start_with(kind, &flags, ROUND_ROBIN, backends).await;
        if let Running::HaProxy(haproxy) = &front.running {
            for (id, _) in backends {
                haproxy.order(&format!("disable health replicas/{id}")).await;
            }
        }
        front
    }

    async fn start_with(
        kind: Kind,
        flags: &[&str],
        policy: &str,
        backends: &[(&str, SocketAddr)],
    ) -> Self {
        let running = match kind {
            Kind::Ours => Running::Ours(Rig::start(flags, backends).await),
            Kind::HaProxy => Running::HaProxy(HaProxy::start(policy, backends).await),
        };
        let address = match &running {
            Running::Ours(rig) => rig.address,
            Running::HaProxy(haproxy) => haproxy.address,
        };
        http_edge::crypto::choose();
        Self { address, client: reqwest::Client::new(), running }
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

    /// Waits until a backend gets requests.
    pub(crate) async fn until_in(&self, id: &str) {
        match &self.running {
            Running::Ours(rig) => rig.until(id, BackendState::Up).await,
            Running::HaProxy(haproxy) => haproxy.until(id, |state| state == "UP").await,
        }
    }

    /// Waits until a backend gets none, because it is dead or because it says so itself.
    pub(crate) async fn until_out(&self, id: &str) {
        match &self.running {
            Running::Ours(rig) => {
                let out = [BackendState::Down, BackendState::Draining];
                let is_out = || out.contains(&rig.status(id).state);
                crate::rig::until(&format!("{id} is out"), is_out).await;
            }
            Running::HaProxy(haproxy) => haproxy.until(id, |state| state == "DOWN").await,
        }
    }

    /// How many connections a backend has refused.
    pub(crate) async fn refusals(&self, id: &str) -> u64 {
        match &self.running {
            Running::Ours(rig) => rig.status(id).failures,
            Running::HaProxy(haproxy) => {
                haproxy.figure(id, "wretr").await.parse::<u64>().unwrap()
                    + haproxy.figure(id, "wredis").await.parse::<u64>().unwrap()
            }
        }
    }

    /// Drains a backend by order.
    pub(crate) async fn drain(&self, id: &str) {
        match &self.running {
            Running::Ours(rig) => drop(rig.balancer.drain_backend(id).unwrap()),
            Running::HaProxy(haproxy) => {
                let order = format!("set server replicas/{id} state drain");
                assert_eq!(haproxy.order(&order).await.trim(), "");
            }
        }
    }

    /// Tells the balancer to stop; it goes on until it has drained.
    pub(crate) async fn tell_to_stop(&self) {
        match &self.running {
            Running::Ours(rig) => rig.tell_to_stop(),
            Running::HaProxy(haproxy) => haproxy.tell_to_stop().await,
        }
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        match self.running {
            Running::Ours(rig) => rig.stopped().await,
            Running::HaProxy(haproxy) => haproxy.stopped().await,
        }
    }
}

/// Waits for something that should come by itself.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}
