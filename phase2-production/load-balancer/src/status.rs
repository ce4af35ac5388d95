//! The JSON of the admin listener, which the launcher and the dashboard parse.

use crate::config::Policy;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// `GET /status` → 200.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// How backends are selected.
    pub policy: Policy,
    /// In the order in which they were added.
    pub backends: Vec<BackendStatus>,
}

impl Status {
    /// The backend with this id, if there is one.
    #[must_use]
    pub fn backend(&self, id: &str) -> Option<&BackendStatus> {
        self.backends.iter().find(|backend| backend.id == id)
    }
}

/// The status of one backend.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendStatus {
    /// Stable id, such as `r1`.
    pub id: String,
    /// Its current address.
    pub address: SocketAddr,
    /// Whether it gets requests.
    pub state: BackendState,
    /// Whether a command has drained it. `state` does not show that while the backend is not
    /// ready or down.
    pub drained: bool,
    /// Requests and tunnels in flight.
    pub in_flight: usize,
    /// Responses begun since the id was added; a new address does not reset it.
    pub served: u64,
    /// Refused connections, lost connections and timeouts since the id was added.
    pub failures: u64,
    /// When `state` began, milliseconds since 1970.
    pub since_ms: u64,
}

/// Whether a backend gets requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendState {
    /// No check has passed yet; gets no requests.
    Starting,
    /// Gets requests.
    Up,
    /// Failed its checks or refused connections; gets no requests.
    Down,
    /// Gets no new clients, by a command or because its own `/readyz` answers 503.
    Draining,
}

/// `PUT /backends/{id}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PutBackend {
    /// The current address of the backend.
    pub address: SocketAddr,
}
