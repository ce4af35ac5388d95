//! Who is picked. Each way of picking is one file; this is where they meet.
//!
//! Picking is asked again when nothing could be sent to the first choice, with the ones
//! already tried left out.

mod round_robin;
mod sticky;

use crate::backends::Backend;
use crate::config::Policy;
use http::{HeaderMap, HeaderValue};
use round_robin::RoundRobin;
use std::sync::Arc;

/// A way of picking, with what it remembers between two requests.
#[derive(Debug)]
pub(crate) enum Selection {
    /// Each ready backend in turn.
    RoundRobin(RoundRobin),
    /// The backend that the cookie names; in turn for who has none.
    Sticky(RoundRobin),
}

/// The backend to which a client says it belongs, by id. Not to be trusted further than
/// that: a client may claim any.
pub(crate) type Claim = Option<String>;

impl Selection {
    /// The selection that a flag asks for.
    pub(crate) fn of(policy: Policy) -> Self {
        match policy {
            Policy::RoundRobin => Self::RoundRobin(RoundRobin::default()),
            Policy::Sticky => Self::Sticky(RoundRobin::default()),
        }
    }

    /// The flag that asks for it.
    pub(crate) const fn policy(&self) -> Policy {
        match self {
            Self::RoundRobin(_) => Policy::RoundRobin,
            Self::Sticky(_) => Policy::Sticky,
        }
    }

    /// Reads where the client belongs, and takes that out of the request: it is between
    /// client and balancer, and the replica sees only cookies of its own.
    pub(crate) fn take_claim(&self, request: &mut HeaderMap) -> Claim {
        match self {
            Self::RoundRobin(_) => None,
            Self::Sticky(_) => sticky::take_claim(request),
        }
    }

    /// Picks one of `backends` that is fit for this client; `None` if none is.
    pub(crate) fn pick<'a>(
        &self,
        backends: &[&'a Arc<Backend>],
        claim: &Claim,
    ) -> Option<&'a Arc<Backend>> {
        match self {
            Self::RoundRobin(turns) => turns.pick(backends),
            Self::Sticky(turns) => {
                sticky::pick(backends, claim).or_else(|| turns.pick(backends))
            }
        }
    }

    /// What to tell a client that was served by `id` and speaks `scheme`, so that it comes
    /// back there: nothing if it belonged there already.
    pub(crate) fn cookie(
        &self,
        id: &str,
        claim: &Claim,
        scheme: &str,
    ) -> Option<HeaderValue> {
        match self {
            Self::Sticky(_) if claim.as_deref() != Some(id) => {
                Some(sticky::cookie(id, scheme == "https"))
            }
            Self::Sticky(_) | Self::RoundRobin(_) => None,
        }
    }
}
