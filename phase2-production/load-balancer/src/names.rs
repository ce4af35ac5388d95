//! A backend that is given by name: where containers come and go, addresses do not last.
//!
//! The name is looked up again and again. An address that is new is a process that is new:
//! it has to pass a check before it gets requests. A name that is not found, as of a
//! container that has stopped, changes nothing; that nobody answers, the checks find out.

use crate::balancer::{Balancer, Unheld};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;

/// From the end of one lookup to the start of the next.
const EVERY: Duration = Duration::from_secs(1);

/// Tells the balancer where `id` is, as long as there is a balancer and no order has moved
/// or removed the backend: an operator knows better than a name.
pub(crate) async fn follow(balancer: Unheld, id: String, name: String) {
    let mut known = None;
    loop {
        let found = look_up(&name, known).await;
        let Some(balancer) = balancer.hold() else { return };
        if address_of(&balancer, &id) != known {
            return;
        }
        if let Some(address) = found.filter(|found| known != Some(*found)) {
            balancer.put_backend(&id, address);
            known = Some(address);
        }
        drop(balancer);
        tokio::time::sleep(EVERY).await;
    }
}

fn address_of(balancer: &Balancer, id: &str) -> Option<SocketAddr> {
    balancer.status().backend(id).map(|backend| backend.address)
}

/// Where the name is: of several addresses the one that is `known`, else the first.
async fn look_up(name: &str, known: Option<SocketAddr>) -> Option<SocketAddr> {
    let found: Vec<_> = lookup_host(name).await.ok()?.collect();
    known.filter(|known| found.contains(known)).or(found.first().copied())
}
