//! What grows, and what bends first: sessions, replicas, the size of a file.

mod files;
mod postgres;
mod replicas;
mod sessions;

use crate::plan::Plan;
use crate::stage::Stage;
use serde::{Deserialize, Serialize};

/// Costs against sizes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Growth {
    /// Sessions in the memory of one replica (Phase 1).
    pub in_memory: Vec<Sessions>,
    /// Sessions in Redis.
    pub in_redis: Vec<Sessions>,
    /// Sessions as rows of Postgres.
    pub in_postgres: Vec<Sessions>,
    /// Why there are none, if there are none.
    pub without_postgres: Option<String>,
    /// Replicas that share one Redis, behind one balancer, on this one machine.
    pub replicas: Vec<Replicas>,
    /// Uploads of one file.
    pub files: Vec<Files>,
}

/// The cost of sessions.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sessions {
    /// How many there are.
    pub sessions: usize,
    /// Bytes for each of them.
    pub bytes: f64,
    /// Microseconds for one look at one of them: processor time of the server where it
    /// answers a request, time for the answer where Redis or Postgres is asked directly.
    #[serde(alias = "look_us")]
    pub read_us: f64,
}

/// Replicas behind a balancer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Replicas {
    /// How many.
    pub replicas: usize,
    /// Session reads a second.
    pub per_second: f64,
    /// One in a hundred took longer, in milliseconds.
    pub p99_ms: f64,
    /// Processor time of the replicas for one answer, in microseconds.
    pub replica_us: f64,
    /// Processor time of the balancer for one answer, in microseconds.
    pub balancer_us: f64,
}

/// Uploads of one size.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Files {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The median upload, in milliseconds.
    pub upload_ms: f64,
    /// Bytes a second.
    pub per_second: f64,
    /// The peak of the replica's memory, in bytes.
    pub peak_bytes: u64,
}

pub(crate) async fn measure(
    stage: &Stage,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Growth> {
    step("more sessions");
    let in_memory = sessions::in_memory(stage, plan).await?;
    let in_redis = sessions::in_redis(stage, plan).await?;
    let (in_postgres, without_postgres) = match postgres::measure(stage, plan).await? {
        Ok(rows) => (rows, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    step("more replicas");
    let replicas = replicas::measure(stage, plan).await?;
    step("larger files");
    let files = files::measure(stage, plan).await?;
    Ok(Growth { in_memory, in_redis, in_postgres, without_postgres, replicas, files })
}

/// The middle one of some values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
