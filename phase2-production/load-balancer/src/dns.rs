//! Backends given by host name, because the addresses of containers change.
//!
//! The name is resolved periodically. A new address is a new process, which must pass a
//! health check before it gets requests. A name that does not resolve, such as that of a
//! stopped container, changes nothing: the health checks detect that it does not answer.

use crate::balancer::{Balancer, WeakBalancer};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;

/// From the end of one lookup to the start of the next.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the address of backend `id` up to date. Ends with the balancer, and when a command
/// has moved or removed the backend, because commands have precedence over DNS.
pub(crate) async fn keep_resolving(balancer: WeakBalancer, id: String, name: String) {
    let mut current = None;
    loop {
        let resolved = resolve(&name, current).await;
        let Some(balancer) = balancer.upgrade() else { return };
        if address_of(&balancer, &id) != current {
            return;
        }
        if let Some(address) = resolved.filter(|address| current != Some(*address)) {
            balancer.put_backend(&id, address);
            current = Some(address);
        }
        drop(balancer);
        tokio::time::sleep(LOOKUP_INTERVAL).await;
    }
}

fn address_of(balancer: &Balancer, id: &str) -> Option<SocketAddr> {
    balancer.status().backend(id).map(|backend| backend.address)
}

/// Of several addresses the `current` one, else the first.
async fn resolve(name: &str, current: Option<SocketAddr>) -> Option<SocketAddr> {
    let addresses: Vec<_> = lookup_host(name).await.ok()?.collect();
    current.filter(|current| addresses.contains(current)).or(addresses.first().copied())
}
