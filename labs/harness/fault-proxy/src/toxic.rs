//! The faults of a connection.

use std::time::Duration;
use tokio::sync::watch;

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// A fault in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Delays every byte by `delay` plus a random part of `jitter`. The order stays, as in
    /// TCP.
    Latency {
        /// The minimum.
        delay: Duration,
        /// The maximum of the random part, which is drawn for each chunk.
        jitter: Duration,
    },
    /// Stops all bytes without closing the connection (Toxiproxy: `timeout` 0). New
    /// connections are accepted. The bytes arrive after the cut, because TCP would send them
    /// again.
    Cut,
    /// Limits the rate of each connection.
    Bandwidth {
        /// The rate; 0 counts as 1.
        bytes_per_second: u32,
    },
    /// Resets a connection after a number of bytes (Toxiproxy: `limit_data`).
    LimitData {
        /// Counted from the beginning of each connection.
        bytes: u64,
    },
}

/// The current toxics of each direction, at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toxics {
    to_server: Vec<Toxic>,
    to_client: Vec<Toxic>,
}

impl Toxics {
    pub(crate) fn add(&mut self, direction: Direction, toxic: Toxic) {
        let list = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let kind = std::mem::discriminant(&toxic);
        list.retain(|old| std::mem::discriminant(old) != kind);
        list.push(toxic);
    }

    /// The toxics of one direction.
    #[must_use]
    pub fn of(&self, direction: Direction) -> &[Toxic] {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    pub(crate) fn cuts(&self, direction: Direction) -> bool {
        self.of(direction).contains(&Toxic::Cut)
    }

    pub(crate) fn latency(&self, direction: Direction) -> (Duration, Duration) {
        let found = self.of(direction).iter().find_map(|toxic| match toxic {
            Toxic::Latency { delay, jitter } => Some((*delay, *jitter)),
            _ => None,
        });
        found.unwrap_or_default()
    }

    pub(crate) fn bandwidth(&self, direction: Direction) -> Option<u32> {
        self.of(direction).iter().find_map(|toxic| match toxic {
            Toxic::Bandwidth { bytes_per_second } => Some((*bytes_per_second).max(1)),
            _ => None,
        })
    }

    pub(crate) fn limit(&self, direction: Direction) -> Option<u64> {
        self.of(direction).iter().find_map(|toxic| match toxic {
            Toxic::LimitData { bytes } => Some(*bytes),
            _ => None,
        })
    }
}

/// Waits until the toxics fulfil a condition. Waits for ever once the proxy is gone, because
/// the toxics cannot change any more.
pub(crate) async fn wait_until(
    toxics: &mut watch::Receiver<Toxics>,
    condition: impl Fn(&Toxics) -> bool,
) {
    if toxics.wait_for(condition).await.is_err() {
        std::future::pending::<()>().await;
    }
}
