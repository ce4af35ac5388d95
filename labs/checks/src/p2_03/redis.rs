//! What the programs left in Redis.

use anyhow::Context;
use grader::{Exam, Stop, What};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use std::time::Duration;

/// How long Redis, which is ours, may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn open(exam: &Exam) -> Result<MultiplexedConnection, Stop> {
    let service = exam.service(What::Redis)?;
    let client = redis::Client::open(service.url.as_str()).context("the URL of Redis")?;
    let config = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let opened = client.get_multiplexed_async_connection_with_config(&config).await;
    Ok(opened.context("cannot look into Redis")?)
}

/// All keys, in order.
pub(super) async fn keys(redis: &mut MultiplexedConnection) -> Result<Vec<String>, Stop> {
    let mut keys: Vec<String> = redis.keys("*").await.context("cannot list the keys")?;
    keys.sort_unstable();
    Ok(keys)
}

/// How long a key will be there: Redis' own answer, in milliseconds; -1 is for ever, and
/// -2 means that it is not there.
pub(super) async fn life(
    redis: &mut MultiplexedConnection,
    key: &str,
) -> Result<i64, Stop> {
    let life = redis::cmd("PTTL").arg(key).query_async(redis).await;
    Ok(life.context("cannot ask for the life of a key")?)
}

/// Everything that stands in Redis, a line for each key.
pub(super) async fn contents(
    redis: &mut MultiplexedConnection,
) -> Result<Vec<String>, Stop> {
    let mut lines = Vec::new();
    for key in keys(redis).await? {
        let mut ask = redis::cmd("TYPE");
        let kind: String =
            ask.arg(&key).query_async(redis).await.context("cannot ask for a type")?;
        let mut read = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "list" | "zset" => {
                redis::cmd(if kind == "list" { "LRANGE" } else { "ZRANGE" })
            }
            // It expired in between, or is of a kind that no exercise needs.
            _ => continue,
        };
        read.arg(&key);
        if kind == "list" || kind == "zset" {
            read.arg(0).arg(-1);
        }
        let value: redis::Value =
            read.query_async(redis).await.context("cannot read a key")?;
        let words: Vec<String> = redis::from_redis_value(value.clone())
            .or_else(|_| redis::from_redis_value(value).map(|word: String| vec![word]))
            .unwrap_or_default();
        lines.push(format!("{key}: {}", words.join(" ")));
    }
    Ok(lines)
}
