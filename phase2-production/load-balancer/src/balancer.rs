//! The handle that everything else is reached through: flags become backends, a
//! selection and limits; orders and questions come in here.

use crate::backends::Backends;
use crate::config::{BalancerArgs, Limits, Place};
use crate::names;
use crate::selection::Selection;
use crate::status::{BackendStatus, Status};
use crate::tls::Tls;
use crate::upgrade::Tunnels;
use anyhow::bail;
use api_contract::headers::SERVED_BY;
use axum::response::Response;
use http::HeaderValue;
use http_edge::args::EdgeArgs;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};

/// A balancer. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Balancer(Arc<Shared>);

/// A handle that does not keep the balancer alive.
#[derive(Debug)]
pub(crate) struct Unheld(Weak<Shared>);

impl Unheld {
    /// The balancer, if there still is one.
    pub(crate) fn hold(&self) -> Option<Balancer> {
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
    edge: EdgeArgs,
}

impl Balancer {
    /// A balancer that has begun to check the backends of its flags. Call it inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// When two backends have one id, or the certificate cannot be used.
    pub fn new(args: &BalancerArgs) -> anyhow::Result<Self> {
        let backends = Backends::new(args.checks());
        for (at, backend) in args.backends.iter().enumerate() {
            if args.backends[..at].iter().any(|earlier| earlier.id == backend.id) {
                bail!("--backend {}: this id is given twice", backend.id);
            }
            if let Place::Address(address) = &backend.place {
                backends.put(&backend.id, *address);
            }
        }
        let balancer = Self(Arc::new(Shared {
            backends,
            selection: Selection::of(args.policy),
            limits: args.limits(),
            tunnels: Tunnels::default(),
            tls: Tls::open(&args.tls)?,
            edge: args.edge.clone(),
        }));
        for backend in &args.backends {
            if let Place::Name(name) = &backend.place {
                let unheld = Unheld(Arc::downgrade(&balancer.0));
                tokio::spawn(names::follow(unheld, backend.id.clone(), name.clone()));
            }
        }
        Ok(balancer)
    }

    /// What it knows of its backends.
    #[must_use]
    pub fn status(&self) -> Status {
        let (policy, backends) = (self.selection().policy(), self.backends().statuses());
        Status { policy, backends }
    }

    /// Adds a backend, or tells where it is now. It gets requests when a check of that
    /// address has passed. `id` is one that [`http_edge::args::replica_id`] lets through.
    pub fn put_backend(&self, id: &str, address: SocketAddr) -> BackendStatus {
        self.backends().put(id, address)
    }

    /// Removes a backend; what it has under way goes on. False: there was none.
    pub fn remove_backend(&self, id: &str) -> bool {
        self.backends().remove(id)
    }

    /// Sends a backend no new clients. `None`: there is no such backend.
    pub fn drain_backend(&self, id: &str) -> Option<BackendStatus> {
        self.backends().set_drained(id, true)
    }

    /// Ends [`Balancer::drain_backend`]. `None`: there is no such backend.
    pub fn undrain_backend(&self, id: &str) -> Option<BackendStatus> {
        self.backends().set_drained(id, false)
    }

    /// Where the self-signed certificate was written, if one was made.
    #[must_use]
    pub fn certificate_file(&self) -> Option<&Path> {
        self.0.tls.as_ref()?.certificate_file()
    }

    /// How clients speak to it: `https` or `http`.
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

    pub(crate) fn edge(&self) -> &EdgeArgs {
        &self.0.edge
    }

    /// A reply of the balancer's own, which says so.
    pub(crate) fn refuse(&self, refusal: Refusal, id: &RequestId) -> Response {
        let mut reply = refusal.into_named_response(id.as_str());
        if let Ok(name) = HeaderValue::from_str(&self.0.edge.replica_id) {
            reply.headers_mut().insert(SERVED_BY, name);
        }
        reply
    }
}
