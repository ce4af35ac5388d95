//! Selection of a backend. Each policy is one file; this enum joins them.
//!
//! When nothing could be sent to the first choice, selection runs again without the
//! backends already tried.

mod round_robin;
mod sticky;
mod tried;

use crate::backends::Backend;
use crate::config::Policy;
use http::{HeaderMap, HeaderValue};
use round_robin::RoundRobin;
use std::sync::Arc;

/// A policy, with its state between two requests.
#[derive(Debug)]
pub(crate) enum Selection {
    /// Each ready backend in turn.
    RoundRobin(RoundRobin),
    /// The backend that the cookie names; round robin for clients without a cookie.
    Sticky(RoundRobin),
}

/// The id of the backend that the client's cookie names. Untrusted: a client can send any
/// id.
pub(crate) type RequestedBackend = Option<String>;

impl Selection {
    /// The selection for a policy flag.
    pub(crate) fn of(policy: Policy) -> Self {
        match policy {
            Policy::RoundRobin => Self::RoundRobin(RoundRobin::default()),
            Policy::Sticky => Self::Sticky(RoundRobin::default()),
        }
    }

    /// The policy flag.
    pub(crate) const fn policy(&self) -> Policy {
        match self {
            Self::RoundRobin(_) => Policy::RoundRobin,
            Self::Sticky(_) => Policy::Sticky,
        }
    }

    /// Removes the balancer's cookie from the request and returns its value. The replica
    /// gets only its own cookies.
    pub(crate) fn take_requested_backend(
        &self,
        request: &mut HeaderMap,
    ) -> RequestedBackend {
        match self {
            Self::RoundRobin(_) => None,
            Self::Sticky(_) => sticky::take_requested_backend(request),
        }
    }

    /// Picks one of `backends` for this client that is not in `tried`; `None` if none is
    /// available.
    pub(crate) fn pick<'a>(
        &self,
        backends: &'a [Arc<Backend>],
        tried: &[&'a Arc<Backend>],
        requested: &RequestedBackend,
    ) -> Option<&'a Arc<Backend>> {
        match self {
            Self::RoundRobin(round_robin) => round_robin.pick(backends, tried),
            Self::Sticky(round_robin) => sticky::pick(backends, tried, requested)
                .or_else(|| round_robin.pick(backends, tried)),
        }
    }

    /// The cookie that binds a client to backend `id`; `None` if the client has it already.
    /// `scheme` is the client's.
    pub(crate) fn cookie(
        &self,
        id: &str,
        requested: &RequestedBackend,
        scheme: &str,
    ) -> Option<HeaderValue> {
        match self {
            Self::Sticky(_) if requested.as_deref() != Some(id) => {
                Some(sticky::cookie(id, scheme == "https"))
            }
            Self::Sticky(_) | Self::RoundRobin(_) => None,
        }
    }
}
