//! The handle on a balancer: its backends, policy, limits and metrics, and the commands of
//! the admin listener.

use crate::backends::Backends;
use crate::config::{BackendAddress, BalancerArgs, Limits};
use crate::dns;
use crate::metrics::Metrics;
use crate::selection::Selection;
use crate::status::{BackendStatus, Status};
use crate::tls::Tls;
use crate::upgrade::Tunnels;
use anyhow::bail;
use api_contract::headers::SERVED_BY;
use axum::response::Response;
use http::HeaderValue;
use http_edge::args::EdgeArgs;
use http_edge::recorder;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};

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

#[derive(Debug)]
struct Shared {
    backends: Backends,
    selection: Selection,
    limits: Limits,
    tunnels: Tunnels,
    tls: Option<Tls>,
    metrics: Metrics,
    edge: EdgeArgs,
}

impl Balancer {
    /// Starts a balancer and the health checks of its backends. Call it inside a tokio
    /// runtime. It records metrics if the recorder is installed before.
    ///
    /// # Errors
    /// When two backends have one id, or the certificate cannot be used.
    pub fn new(args: &BalancerArgs) -> anyhow::Result<Self> {
        let backends = Backends::new(args.checks());
        let metrics = Metrics::new();
        for (index, backend) in args.backends.iter().enumerate() {
            if args.backends[..index].iter().any(|earlier| earlier.id == backend.id) {
                bail!("--backend {}: this id is given twice", backend.id);
            }
            if let BackendAddress::Ip(address) = &backend.address {
                backends.put(&backend.id, *address);
            }
        }
        let balancer = Self(Arc::new(Shared {
            backends,
            selection: Selection::of(args.policy),
            limits: args.limits(),
            tunnels: Tunnels::default(),
            tls: Tls::open(&args.tls)?,
            metrics,
            edge: args.edge.clone(),
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

    pub(crate) fn backends(&self) -> &Backends {
        &self.0.backends
    }

    pub(crate) fn selection(&self) -> &Selection {
        &self.0.selection
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
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

    /// The balancer's own error response, with its name in `X-Served-By`.
    pub(crate) fn refuse(&self, refusal: Refusal, id: &RequestId) -> Response {
        let mut reply = refusal.into_named_response(id.as_str());
        if let Ok(name) = HeaderValue::from_str(&self.0.edge.replica_id) {
            reply.headers_mut().insert(SERVED_BY, name);
        }
        reply
    }
}
