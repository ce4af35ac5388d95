//! The handle on a balancer: its backends, policy, limits and metrics, and the commands of
//! the admin listener.

use crate::backends::{Backend, Backends};
use crate::config::{BackendAddress, BalancerArgs, Limits};
use crate::connections::Connections;
use crate::dns;
use crate::metrics::Metrics;
use crate::refusals;
use crate::selection::Selection;
use crate::status::{BackendStatus, Status};
use crate::tls::Tls;
use crate::upgrade::Tunnels;
use anyhow::bail;
use axum::response::Response;
use http::HeaderValue;
use http_edge::args::EdgeArgs;
use http_edge::recorder;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;

/// A balancer. Clones share one state.
#[derive(Clone, Debug)]
pub struct Balancer(Arc<Shared>);

/// A handle that does not keep the balancer alive.
#[derive(Debug)]
pub(crate) struct WeakBalancer(Weak<Shared>);

impl WeakBalancer {
    /// The balancer, if it still exists.
    pub(crate) fn upgrade(&self) -> Option<Balancer> {
        self.0.upgrade().map(Balancer)
    }
}

/// How long after the start an empty list of backends is expected to be filled by commands.
const START_GRACE: Duration = Duration::from_secs(1);

/// Between two looks for the first passed check.
const FIRST_CHECK_INTERVAL: Duration = Duration::from_millis(5);

#[derive(Debug)]
struct Shared {
    started: Instant,
    backends: Backends,
    selection: Selection,
    limits: Limits,
    connections: Connections,
    tunnels: Tunnels,
    tls: Option<Tls>,
    metrics: Metrics,
    edge: EdgeArgs,
    /// Its name in `X-Served-By`.
    served_by: HeaderValue,
}

impl Balancer {
    /// Starts a balancer and the health checks of its backends. Call it inside a tokio
    /// runtime. It records metrics if the recorder is installed before.
    ///
    /// # Errors
    /// When two backends have one id, the certificate cannot be used, or there are too few
    /// descriptors for `--max-connections`.
    pub fn new(args: &BalancerArgs) -> anyhow::Result<Self> {
        let backends = Backends::new(args.checks());
        let metrics = Metrics::new();
        let served_by = HeaderValue::from_str(&args.edge.replica_id)?;
        let overload = metrics.overload.clone();
        let connections = Connections::new(args.max_connections, overload, &served_by)?;
        for (index, backend) in args.backends.iter().enumerate() {
            if args.backends[..index].iter().any(|earlier| earlier.id == backend.id) {
                bail!("--backend {}: this id is given twice", backend.id);
            }
            if let BackendAddress::Ip(address) = &backend.address {
                backends.put(&backend.id, *address);
            }
        }
        let balancer = Self(Arc::new(Shared {
            started: Instant::now(),
            backends,
            selection: Selection::of(args.policy),
            limits: args.limits(),
            connections,
            tunnels: Tunnels::default(),
            tls: Tls::open(&args.tls, &served_by)?,
            metrics,
            edge: args.edge.clone(),
            served_by,
        }));
        let weak = balancer.downgrade();
        recorder::add_collector(move || {
            if let Some(balancer) = weak.upgrade() {
                balancer.report();
            }
        });
        for backend in &args.backends {
            if let BackendAddress::Host(name) = &backend.address {
                let (weak, id) = (balancer.downgrade(), backend.id.clone());
                tokio::spawn(dns::keep_resolving(weak, id, name.clone()));
            }
        }
        Ok(balancer)
    }

    /// The policy and the status of each backend.
    #[must_use]
    pub fn status(&self) -> Status {
        let (policy, backends) = (self.selection().policy(), self.backends().statuses());
        Status { policy, backends }
    }

    /// Adds a backend, or changes its address. It gets requests when a check of that address
    /// has passed. [`http_edge::args::replica_id`] must accept `id`.
    pub fn put_backend(&self, id: &str, address: SocketAddr) -> BackendStatus {
        self.backends().put(id, address)
    }

    /// Removes a backend; its requests in flight go on. False: there was none.
    pub fn remove_backend(&self, id: &str) -> bool {
        self.backends().remove(id)
    }

    /// Drains a backend: it gets no new clients. `None`: there is no such backend.
    pub fn drain_backend(&self, id: &str) -> Option<BackendStatus> {
        self.backends().set_drained(id, true)
    }

    /// Ends [`Balancer::drain_backend`]. `None`: there is no such backend.
    pub fn undrain_backend(&self, id: &str) -> Option<BackendStatus> {
        self.backends().set_drained(id, false)
    }

    /// The file with the self-signed certificate, if there is one.
    #[must_use]
    pub fn certificate_file(&self) -> Option<&Path> {
        self.0.tls.as_ref()?.certificate_file()
    }

    /// The scheme of its clients: `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.0.tls.is_some() { "https" } else { "http" }
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.0.tls.as_ref()
    }

    /// The backends for a request. While none is up and some have not been checked, or the
    /// balancer has just started and knows none, it waits: the clients in the backlog of an
    /// inherited listener come before the first check.
    pub(crate) async fn backends_for_request(&self) -> Arc<Vec<Arc<Backend>>> {
        let deadline = Instant::now() + self.limits().down;
        loop {
            let all = self.backends().all();
            let undecided = match &all[..] {
                [] => self.0.started.elapsed() < START_GRACE,
                some => {
                    !some.iter().any(|backend| backend.takes_new_clients())
                        && some.iter().any(|backend| backend.is_starting())
                }
            };
            if !undecided || Instant::now() >= deadline {
                return all;
            }
            tokio::time::sleep(FIRST_CHECK_INTERVAL).await;
        }
    }

    pub(crate) fn backends(&self) -> &Backends {
        &self.0.backends
    }

    pub(crate) fn selection(&self) -> &Selection {
        &self.0.selection
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// The permit for a new connection to a backend. An idle connection to any backend is
    /// closed for it if necessary. `None`: all are in use.
    pub(crate) fn backend_permit(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let permit = self.connections().backend_permit();
            if permit.is_some() || !self.backends().close_idle_connection() {
                return permit;
            }
        }
    }

    pub(crate) fn tunnels(&self) -> &Tunnels {
        &self.0.tunnels
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn edge(&self) -> &EdgeArgs {
        &self.0.edge
    }

    fn downgrade(&self) -> WeakBalancer {
        WeakBalancer(Arc::downgrade(&self.0))
    }

    /// Sets the gauges that are read at a scrape.
    #[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53")]
    fn report(&self) {
        self.metrics().tunnels.set(self.tunnels().len() as f64);
        for backend in &*self.backends().all() {
            backend.report();
        }
    }

    /// The balancer's own error response.
    pub(crate) fn refuse(&self, refusal: Refusal, id: &RequestId) -> Response {
        refusals::into_reply(refusal, &self.0.served_by, id)
    }
}
