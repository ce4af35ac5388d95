//! What can go wrong on the way.

use std::time::Duration;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From who connected to who is behind the proxy.
    ToServer,
    /// Back.
    ToClient,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toxic {
    /// Every byte arrives later: by `delay`, and by up to `jitter` more. The order stays,
    /// as TCP promises.
    Latency {
        /// The least.
        delay: Duration,
        /// The most on top of it, drawn anew for each piece that is read.
        jitter: Duration,
    },
    /// Nothing passes, and nobody is told (Toxiproxy: `timeout` 0). Connections are
    /// accepted. What was on its way arrives when the cut is mended, as TCP would send it
    /// again.
    Cut,
    /// So many bytes a second, for each connection.
    Bandwidth {
        /// At least 1.
        bytes_per_second: u32,
    },
    /// A connection is reset once so many bytes have passed (Toxiproxy: `limit_data`).
    LimitData {
        /// Counted for each connection from its beginning.
        bytes: u64,
    },
}

/// What goes wrong at the moment, in each direction. Of each kind the last one counts.
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
        list.retain(|known| std::mem::discriminant(known) != kind);
        list.push(toxic);
    }

    /// What goes wrong in one direction.
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
