//! What a session takes in Redis: the copy that the central design itself puts there.

use crate::stage::database::Database;
use crate::stage::redis::Redis;
use anyhow::{Context, ensure};
use backing_services::Backing;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use std::time::Duration;
use upload_server::sessions::central::Central;
use upload_server::sessions::{SessionId, SessionLimits};

/// Copies written at once.
const BATCH: usize = 1_000;

/// How long a copy lives, in milliseconds: longer than the measurement.
const LIFE_MS: u64 = 600_000;

/// Longer than any measurement.
const LIFE: Duration = Duration::from_secs(12 * 3_600);

/// What Redis tells, in bytes for each session. Not every kind of it tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InRedis {
    /// Key and value, as text.
    pub(crate) text: f64,
    /// `MEMORY USAGE` of one key.
    pub(crate) usage: Option<f64>,
    /// By how much `used_memory` grew, the table of all keys included.
    pub(crate) grown: Option<f64>,
}

/// Has one session cached by a replica, and writes so many copies like it.
pub(crate) async fn measure(redis: &Redis, sessions: usize) -> anyhow::Result<InRedis> {
    let (key, value) = cached_by_a_replica(redis).await?;
    let client = Client::open(redis.service.url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut usage = redis::cmd("MEMORY");
    let usage = usage.arg("USAGE").arg(&key).query_async(&mut connection).await;
    let usage: RedisResult<u32> = usage;
    let before = used_memory(&mut connection).await;
    write(&mut connection, sessions, &value).await?;
    let after = used_memory(&mut connection).await;
    let all = f64::from(u32::try_from(sessions)?);
    Ok(InRedis {
        text: f64::from(u32::try_from(key.len() + value.len())?),
        usage: usage.ok().map(f64::from),
        grown: after.zip(before).map(|(after, before)| (after - before) / all),
    })
}

/// A key and its value, from a replica that has read the session in the records.
async fn cached_by_a_replica(redis: &Redis) -> anyhow::Result<(String, String)> {
    let database = Database::start(Backing::Embedded).await?;
    let id = SessionId::random();
    database.log_in(vec![id.hash()]).await?;
    let (max_live, max_per_user) = (1, 1);
    let limits = SessionLimits { idle: LIFE, absolute: LIFE, max_live, max_per_user };
    let replica = Central::new(database.records.clone(), redis.cache.clone(), limits);
    replica.peek(&id).await.context("the session that was just born")?;
    let client = Client::open(redis.service.url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let key = key(&id);
    let value: Option<String> =
        redis::cmd("GET").arg(&key).query_async(&mut connection).await?;
    Ok((key, value.context("the replica has cached nothing")?))
}

async fn write(
    connection: &mut MultiplexedConnection,
    sessions: usize,
    value: &str,
) -> anyhow::Result<()> {
    let keys: Vec<_> = (0..sessions).map(|_| key(&SessionId::random())).collect();
    for batch in keys.chunks(BATCH) {
        let mut pipeline = redis::pipe();
        for key in batch {
            pipeline.cmd("PSETEX").arg(key).arg(LIFE_MS).arg(value).ignore();
        }
        pipeline.exec_async(connection).await?;
    }
    let last = keys.last().context("at least one session")?;
    let there: bool = redis::cmd("EXISTS").arg(last).query_async(connection).await?;
    ensure!(there, "Redis does not have what was written");
    Ok(())
}

/// As the cache names them.
fn key(id: &SessionId) -> String {
    format!("session:{}", id.hash())
}

async fn used_memory(connection: &mut MultiplexedConnection) -> Option<f64> {
    let told = redis::cmd("INFO").arg("memory").query_async(connection).await;
    let told: String = told.ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line?.trim().parse().ok()
}
