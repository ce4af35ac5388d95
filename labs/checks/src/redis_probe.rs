//! The Redis of a check: injects faults, which are added to the transcript, and reads its
//! keys. It uses only commands that the embedded Redis supports.

mod contents;

use anyhow::Context;
use grader::{CheckContext, CheckError, CheckResult, Service, ServiceType, require};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisResult, cmd};
use std::collections::BTreeSet;
use std::time::Duration;

/// `PTTL` of a key without expiry.
pub(crate) const NO_EXPIRY: i64 = -1;

/// `PTTL` of a key that does not exist.
pub(crate) const MISSING: i64 = -2;

/// Upper limit of a time to live in milliseconds, so that sums do not overflow.
const LONGEST: i64 = 1 << 50;

/// Maximum number of keys that are shown.
const SHOWN: usize = 5;

/// Timeout of connecting to the check's Redis and of its replies.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The Redis that the replicas of a check share.
#[derive(Debug)]
pub(crate) struct RedisProbe<'a> {
    ctx: &'a CheckContext,
    service: &'a Service,
}

impl<'a> RedisProbe<'a> {
    /// The Redis that the manifest requires.
    pub(crate) fn of(ctx: &'a CheckContext) -> Result<Self, CheckError> {
        Ok(Self { ctx, service: ctx.service(ServiceType::Redis)? })
    }

    /// Sends SIGKILL. The replicas' connections break, and new ones are refused.
    pub(crate) async fn kill(&self) -> CheckResult {
        self.ctx.note("⚡ killed Redis");
        Ok(self.service.kill9().await?)
    }

    /// Sends SIGSTOP: connections stay open, new ones can be made, and no request is
    /// answered.
    pub(crate) async fn pause(&self) -> CheckResult {
        self.ctx.note("⚡ paused Redis");
        Ok(self.service.pause().await?)
    }

    /// Sends SIGCONT, which ends a pause.
    pub(crate) async fn resume(&self) -> CheckResult {
        self.ctx.note("⚡ resumed Redis");
        Ok(self.service.resume().await?)
    }

    /// Starts it again on the same port. Returns when it answers.
    pub(crate) async fn restart(&self) -> CheckResult {
        self.service.restart().await?;
        self.ctx.note("⚡ started Redis again");
        Ok(())
    }

    /// Deletes all keys.
    pub(crate) async fn empty(&self) -> CheckResult {
        let () = ask(&mut self.connect().await?, &cmd("FLUSHALL")).await?;
        self.ctx.note("⚡ emptied Redis (FLUSHALL)");
        Ok(())
    }

    /// All keys and their remaining time to live, in milliseconds.
    pub(crate) async fn keys(&self) -> Result<Vec<(String, i64)>, CheckError> {
        let seen = self.keys_quietly().await?;
        self.ctx.note(match seen.len() {
            0 => "read Redis: there are no keys".to_owned(),
            _ => "read Redis:".to_owned(),
        });
        for (key, left) in seen.iter().take(SHOWN) {
            self.ctx.note(match *left {
                NO_EXPIRY => format!("  {key} has no expiry"),
                left => format!("  {key} expires in {left} ms"),
            });
        }
        Ok(seen)
    }

    /// All keys, without a transcript line, if they are too many or vary too much.
    pub(crate) async fn keys_quietly(&self) -> Result<Vec<(String, i64)>, CheckError> {
        let mut redis = self.connect().await?;
        let mut seen = Vec::new();
        for key in all_keys(&mut redis).await? {
            let left = life(&mut redis, &key).await?;
            seen.push((String::from_utf8_lossy(&key).into_owned(), left));
        }
        Ok(seen)
    }

    /// Requires that every key has an expiry.
    pub(crate) async fn every_key_expires(&self, help: &str) -> CheckResult {
        self.new_keys_expire(&BTreeSet::new(), help).await
    }

    /// The names of all keys, without a transcript line.
    pub(crate) async fn key_names(&self) -> Result<BTreeSet<String>, CheckError> {
        Ok(self.keys_quietly().await?.into_iter().map(|(key, _)| key).collect())
    }

    /// Every key that is not among the known ones has an expiry.
    pub(crate) async fn new_keys_expire(
        &self,
        known: &BTreeSet<String>,
        help: &str,
    ) -> CheckResult {
        let keys = self.keys().await?;
        let new = keys.iter().filter(|(key, _)| !known.contains(key));
        let without_expiry = new.into_iter().find(|(_, left)| *left == NO_EXPIRY);
        let actual = without_expiry.map(|(key, _)| format!("{key} has none"));
        let expected = "an expiry on every key in Redis";
        require(actual.is_none(), expected, actual.unwrap_or_default(), help)
    }

    /// The remaining time to live of a key in milliseconds, or [`NO_EXPIRY`], or
    /// [`MISSING`].
    pub(crate) async fn life(&self, key: &str) -> Result<i64, CheckError> {
        Ok(life(&mut self.connect().await?, key.as_bytes()).await?)
    }

    async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.service.url.as_str());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let opened = client.context("the URL of Redis")?;
        let opened = opened.get_multiplexed_async_connection_with_config(&config).await;
        opened.context("cannot connect to Redis")
    }
}

async fn ask<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    command: &Cmd,
) -> anyhow::Result<T> {
    let answer: RedisResult<T> = command.query_async(redis).await;
    answer.context("cannot read Redis")
}

/// All keys, sorted. A key may contain any bytes.
async fn all_keys(redis: &mut MultiplexedConnection) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut keys: Vec<Vec<u8>> = ask(redis, cmd("KEYS").arg("*")).await?;
    keys.sort_unstable();
    Ok(keys)
}

async fn life(redis: &mut MultiplexedConnection, key: &[u8]) -> anyhow::Result<i64> {
    let left: i64 = ask(redis, cmd("PTTL").arg(key)).await?;
    Ok(left.min(LONGEST))
}
