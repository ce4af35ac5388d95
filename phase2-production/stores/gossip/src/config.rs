//! Settings of a node: its addresses and the lifetimes of sessions.

use anyhow::ensure;
use std::net::SocketAddr;
use std::time::Duration;

/// Lifetimes of sessions. They must be equal on every node, or the nodes disagree about
/// which sessions are alive.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// Idle timeout; every use on any node restarts it.
    pub idle: Duration,
    /// Absolute lifetime.
    pub absolute: Duration,
}

impl SessionLifetimes {
    /// Minimum interval between two reported uses of a session: reporting every request
    /// would cost more than the request. So an idle session may die this much late, and
    /// never early.
    #[must_use]
    pub fn touch_interval(&self) -> Duration {
        (self.idle / 8).clamp(Duration::from_millis(50), Duration::from_secs(30))
    }

    pub(crate) fn idle_ms(&self) -> i64 {
        milliseconds(self.idle)
    }

    pub(crate) fn absolute_ms(&self) -> i64 {
        milliseconds(self.absolute)
    }

    pub(crate) fn touch_interval_ms(&self) -> i64 {
        milliseconds(self.touch_interval())
    }
}

/// Settings of one node.
#[derive(Clone, Debug)]
pub struct GossipConfig {
    /// Its name: unique, and kept across restarts.
    pub node: String,
    /// UDP address to listen on. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Addresses of other nodes; one live node is enough to find all.
    pub seeds: Vec<SocketAddr>,
    /// Interval of gossip rounds; a write usually takes about one to arrive.
    pub interval: Duration,
    /// Messages of another group are ignored. Not a secret.
    pub cluster_id: String,
    /// Lifetimes of sessions.
    pub lifetimes: SessionLifetimes,
    /// Maximum number of file names of a session; the newest are kept.
    pub max_files: usize,
}

impl GossipConfig {
    /// Only loopback addresses are allowed: the protocol has no authentication, so any
    /// process that can send a datagram to this port can end sessions and create new
    /// ones.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for address in self.seeds.iter().chain([&self.listen]) {
            ensure!(
                address.ip().is_loopback(),
                "gossip is not authenticated and stays on this machine: use 127.0.0.1 \
                 instead of {address}"
            );
        }
        ensure!(!self.node.is_empty(), "a node needs a name");
        ensure!(!self.interval.is_zero(), "nodes need some time between two rounds");
        Ok(())
    }

    /// How long a node keeps the tombstone of a deleted entry. A node that was paused for
    /// longer gets the whole map again.
    pub(crate) fn deletion_grace(&self) -> Duration {
        self.lifetimes.idle.clamp(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// How long a dead node's entries are kept. After half of this time chitchat stops
    /// sending them to new nodes; all of its sessions have expired by then.
    pub(crate) fn dead_node_grace(&self) -> Duration {
        (self.lifetimes.absolute * 2).max(Duration::from_secs(60))
    }
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
