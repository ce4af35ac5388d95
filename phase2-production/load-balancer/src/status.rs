//! What the admin listener tells: types that the launcher and the dashboard parse.

use crate::config::Policy;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// `GET /status` → 200.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Who gets the next request.
    pub policy: Policy,
    /// In the order in which they were added.
    pub backends: Vec<BackendStatus>,
}

impl Status {
    /// The backend of that name, if there is one.
    #[must_use]
    pub fn backend(&self, id: &str) -> Option<&BackendStatus> {
        self.backends.iter().find(|backend| backend.id == id)
    }
}

/// One backend as the balancer sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendStatus {
    /// Stable name, such as `r1`.
    pub id: String,
    /// Where it listens now.
    pub address: SocketAddr,
    /// Whether it gets requests.
    pub state: BackendState,
    /// Requests and tunnels under way.
    pub in_flight: usize,
    /// Replies begun since the id was added; a new address does not reset it.
    pub served: u64,
    /// Connections refused, replies broken off, timeouts; counted as `served` is.
    pub failures: u64,
    /// When `state` began, milliseconds since 1970.
    pub since_ms: u64,
}

/// Whether a backend gets requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendState {
    /// Not yet known to be well; gets nothing.
    Starting,
    /// Gets requests.
    Up,
    /// Failed its checks or refused connections; gets nothing.
    Down,
    /// Takes no new clients: an operator said so, or its own `/readyz` does.
    Draining,
}

/// `PUT /backends/{id}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PutBackend {
    /// Where the backend listens now.
    pub address: SocketAddr,
}
