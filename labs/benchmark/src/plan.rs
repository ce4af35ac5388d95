//! The amounts of a run: enough for reproducible figures.

use backing_services::Backing;
use std::time::Duration;

/// The amounts of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of this plan.
    pub size: &'static str,
    /// The number of rounds.
    pub rounds: usize,
    /// The time for each server in a round. The reference takes half of it, twice.
    pub round_length: Duration,
    /// Connections, each with one request in flight at all times.
    pub connections: usize,
    /// The kind of Redis.
    pub backing: Backing,
    /// The number of kills of a replica.
    pub outages: usize,
    /// The time of measuring before and after each kill.
    pub observation: Duration,
    /// The size of each concurrent upload, in bytes.
    pub upload_bytes: u64,
    /// Idle connections.
    pub idle_connections: usize,
    /// Numbers of sessions to measure.
    pub sessions: &'static [usize],
    /// The sizes of the uploaded files, in bytes.
    pub file_sizes: &'static [u64],
    /// Numbers of replicas behind the balancer.
    pub replicas: &'static [usize],
    /// The command line, for the report.
    pub command: String,
}

impl Plan {
    /// The whole benchmark.
    #[must_use]
    pub fn full(command: String) -> Self {
        Self {
            size: "full",
            rounds: 20,
            round_length: Duration::from_millis(1_000),
            connections: 32,
            backing: Backing::Auto,
            outages: 7,
            observation: Duration::from_secs(4),
            upload_bytes: 100_000_000,
            idle_connections: 10_000,
            sessions: &[1_000, 10_000, 100_000, 1_000_000],
            file_sizes: &[1_000, 100_000, 10_000_000, 100_000_000, 1_000_000_000],
            replicas: &[1, 2, 4, 8],
            command,
        }
    }

    /// A few minutes.
    #[must_use]
    pub fn quick(command: String) -> Self {
        Self {
            size: "quick",
            rounds: 9,
            round_length: Duration::from_millis(600),
            outages: 3,
            upload_bytes: 20_000_000,
            sessions: &[1_000, 10_000, 100_000],
            file_sizes: &[1_000, 100_000, 10_000_000, 100_000_000],
            ..Self::full(command)
        }
    }

    /// Everything once and small: it shows that the benchmark works, and measures nothing.
    #[must_use]
    pub fn smoke(command: String) -> Self {
        Self {
            size: "smoke",
            rounds: 1,
            round_length: Duration::from_millis(100),
            connections: 4,
            outages: 1,
            observation: Duration::from_secs(2),
            upload_bytes: 500_000,
            idle_connections: 200,
            sessions: &[64, 1_100],
            file_sizes: &[1_000, 5_000_000],
            replicas: &[1, 2],
            ..Self::full(command)
        }
    }
}
