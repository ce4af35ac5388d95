//! How much is done: enough for figures that come out again, and no more.

use backing_services::Backing;
use std::time::Duration;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How much that is, in one word.
    pub size: &'static str,
    /// How often everybody has a turn.
    pub rounds: usize,
    /// How long a turn is. The reference's is half as long, and comes twice.
    pub turn: Duration,
    /// Connections on which there is always one request under way.
    pub connections: usize,
    /// From where Redis is taken.
    pub backing: Backing,
    /// How often a replica is killed.
    pub outages: usize,
    /// How long users are watched before and after that.
    pub watch: Duration,
    /// The size of each upload of many at once, in bytes.
    pub upload_bytes: u64,
    /// Connections that say nothing.
    pub idle: usize,
    /// The sessions of the growing servers.
    pub sessions: &'static [usize],
    /// The sizes of the uploaded files, in bytes.
    pub file_sizes: &'static [u64],
    /// How many replicas stand behind the balancer.
    pub replicas: &'static [usize],
    /// The command line, for the report.
    pub command: String,
}

impl Plan {
    /// Everything.
    #[must_use]
    pub fn full(command: String) -> Self {
        Self {
            size: "full",
            rounds: 20,
            turn: Duration::from_millis(1_000),
            connections: 32,
            backing: Backing::Auto,
            outages: 7,
            watch: Duration::from_secs(4),
            upload_bytes: 100_000_000,
            idle: 10_000,
            sessions: &[1_000, 10_000, 100_000, 1_000_000],
            file_sizes: &[1_000, 100_000, 10_000_000, 100_000_000, 1_000_000_000],
            replicas: &[1, 2, 4, 8],
            command,
        }
    }

    /// In a few minutes.
    #[must_use]
    pub fn quick(command: String) -> Self {
        Self {
            size: "quick",
            rounds: 9,
            turn: Duration::from_millis(600),
            outages: 3,
            upload_bytes: 20_000_000,
            sessions: &[1_000, 10_000, 100_000],
            file_sizes: &[1_000, 100_000, 10_000_000, 100_000_000],
            ..Self::full(command)
        }
    }

    /// Everything once and small: it shows that the benchmark works, and nothing else.
    #[must_use]
    pub fn smoke(command: String) -> Self {
        Self {
            size: "smoke",
            rounds: 1,
            turn: Duration::from_millis(100),
            connections: 4,
            outages: 1,
            watch: Duration::from_secs(2),
            upload_bytes: 500_000,
            idle: 200,
            sessions: &[64, 1_100],
            file_sizes: &[1_000, 5_000_000],
            replicas: &[1, 2],
            ..Self::full(command)
        }
    }
}
