//! Where a node listens, whom it knows at first, and how long sessions live.

use anyhow::ensure;
use std::net::SocketAddr;
use std::time::Duration;

/// How long sessions live: the same on every node, or they disagree about who is alive.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Silence after which a session dies; every use on any node starts it anew.
    pub idle: Duration,
    /// Age at which a session dies, used or not.
    pub absolute: Duration,
}

impl Lives {
    /// By how much the others may be behind in knowing when a session was last used: to
    /// tell them of every request would cost more than the requests. So an idle session
    /// may die this much late, and never early.
    #[must_use]
    pub fn coarseness(&self) -> Duration {
        (self.idle / 8).clamp(Duration::from_millis(50), Duration::from_secs(30))
    }

    pub(crate) fn idle_ms(&self) -> i64 {
        milliseconds(self.idle)
    }

    pub(crate) fn absolute_ms(&self) -> i64 {
        milliseconds(self.absolute)
    }

    pub(crate) fn coarse_ms(&self) -> i64 {
        milliseconds(self.coarseness())
    }
}

/// One node of the group.
#[derive(Clone, Debug)]
pub struct GossipConfig {
    /// Its name; each node has another, and keeps it when it restarts.
    pub node: String,
    /// UDP address at which it hears the others. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Addresses of others; one that is alive is enough to find all.
    pub seeds: Vec<SocketAddr>,
    /// Time between two rounds of talk: the usual delay is about one.
    pub interval: Duration,
    /// Nodes of another group are not listened to. No secret.
    pub cluster_id: String,
    /// How long sessions live.
    pub lives: Lives,
    /// Files of one session that are remembered, the newest.
    pub most_files: usize,
}

impl GossipConfig {
    /// Whoever can send a datagram to this port can end any session and invent new ones:
    /// the protocol knows no authentication. So nobody outside of this machine may.
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

    /// For how long a node remembers that it took an entry back. Another one that was
    /// paused for longer gets the whole map again.
    pub(crate) fn taken_back(&self) -> Duration {
        self.lives.idle.clamp(Duration::from_secs(1), Duration::from_secs(60))
    }

    /// For how long a dead node's entries are kept. Halfway through, chitchat stops
    /// passing them on to nodes that join later; by then all its sessions are too old.
    pub(crate) fn dead_node_grace(&self) -> Duration {
        (self.lives.absolute * 2).max(Duration::from_secs(60))
    }
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
