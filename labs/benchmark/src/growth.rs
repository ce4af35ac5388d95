//! Costs that grow with the number of sessions, of replicas, and with the size of a file.

mod files;
mod postgres;
mod replicas;
mod sessions;

use crate::plan::Plan;
use crate::testbed::Testbed;
use serde::{Deserialize, Serialize};

/// Costs by size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Growth {
    /// Sessions in the memory of one replica (Phase 1).
    pub in_memory: Vec<SessionCost>,
    /// Sessions in Redis.
    pub in_redis: Vec<SessionCost>,
    /// Sessions as rows of Postgres.
    pub in_postgres: Vec<SessionCost>,
    /// The reason why Postgres was not measured; absent if it was.
    pub without_postgres: Option<String>,
    /// Replicas that share one Redis, behind one balancer, on this one machine.
    pub replicas: Vec<ReplicaCost>,
    /// Uploads of one file.
    pub files: Vec<UploadCost>,
}

/// The cost of sessions.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SessionCost {
    /// The number of sessions.
    pub sessions: usize,
    /// Bytes per session.
    pub bytes: f64,
    /// Microseconds for one read of a session: processor time of the server where it answers a
    /// request, time until the answer where Redis or Postgres is asked directly.
    #[serde(alias = "look_us")]
    pub read_us: f64,
}

/// Replicas behind a balancer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ReplicaCost {
    /// The number of replicas.
    pub replicas: usize,
    /// Session reads per second.
    pub per_second: f64,
    /// The 99th percentile, in milliseconds.
    pub p99_ms: f64,
    /// Processor time of the replicas per reply, in microseconds.
    pub replica_us: f64,
    /// Processor time of the balancer per reply, in microseconds.
    pub balancer_us: f64,
}

/// Uploads of one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UploadCost {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The median upload, in milliseconds.
    pub upload_ms: f64,
    /// Bytes per second.
    pub per_second: f64,
    /// The peak of the replica's memory, in bytes.
    pub peak_bytes: u64,
}

pub(crate) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Growth> {
    step("more sessions");
    let in_memory = sessions::in_memory(testbed, plan).await?;
    let in_redis = sessions::in_redis(testbed, plan).await?;
    let (in_postgres, without_postgres) = match postgres::measure(testbed, plan).await? {
        Ok(rows) => (rows, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    step("more replicas");
    let replicas = replicas::measure(testbed, plan).await?;
    step("larger files");
    let files = files::measure(testbed, plan).await?;
    Ok(Growth { in_memory, in_redis, in_postgres, without_postgres, replicas, files })
}
