//! The Redis of a check: what is done to it is part of the story, and what is in it can be
//! looked at. Only commands that the embedded Redis knows too.

mod contents;

use anyhow::Context;
use grader::{Exam, Outcome, Service, Stop, What, require};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisResult, cmd};
use std::time::Duration;

/// `PTTL` of a key that has no expiry.
pub(crate) const FOR_EVER: i64 = -1;

/// `PTTL` of a key that is not there.
pub(crate) const NOT_THERE: i64 = -2;

/// Milliseconds beyond which one life is as long as another: sums of such do not overflow.
const LONGEST: i64 = 1 << 50;

/// Keys that are shown of those that are there.
const SHOWN: usize = 5;

/// How long Redis, which is ours, may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The Redis that the replicas of a check have in common.
#[derive(Debug)]
pub(crate) struct RedisSeen<'a> {
    exam: &'a Exam,
    service: &'a Service,
}

impl<'a> RedisSeen<'a> {
    /// The one that the manifest asks for.
    pub(crate) fn of(exam: &'a Exam) -> Result<Self, Stop> {
        Ok(Self { exam, service: exam.service(What::Redis)? })
    }

    /// SIGKILL. The replicas' connections break, and new ones are refused.
    pub(crate) async fn kill(&self) -> Outcome {
        self.exam.say("⚡ killed Redis");
        Ok(self.service.kill9().await?)
    }

    /// SIGSTOP: connections stay, and can even be made, and nobody answers.
    pub(crate) async fn pause(&self) -> Outcome {
        self.exam.say("⚡ paused Redis");
        Ok(self.service.pause().await?)
    }

    /// The end of a pause.
    pub(crate) async fn resume(&self) -> Outcome {
        self.exam.say("⚡ resumed Redis");
        Ok(self.service.resume().await?)
    }

    /// Starts it again, where it was. Returns when it answers.
    pub(crate) async fn restart(&self) -> Outcome {
        self.service.restart().await?;
        self.exam.say("⚡ started Redis again");
        Ok(())
    }

    /// It forgets everything.
    pub(crate) async fn empty(&self) -> Outcome {
        let () = ask(&mut self.connect().await?, &cmd("FLUSHALL")).await?;
        self.exam.say("⚡ emptied Redis (FLUSHALL)");
        Ok(())
    }

    /// Every key, and the milliseconds it has left.
    pub(crate) async fn keys(&self) -> Result<Vec<(String, i64)>, Stop> {
        let seen = self.keys_unseen().await?;
        self.exam.say(match seen.len() {
            0 => "looked into Redis: there is nothing".to_owned(),
            _ => "looked into Redis:".to_owned(),
        });
        for (key, left) in seen.iter().take(SHOWN) {
            self.exam.say(match *left {
                FOR_EVER => format!("  {key} stays for ever"),
                left => format!("  {key} lives for {left} ms"),
            });
        }
        Ok(seen)
    }

    /// The same, where keys are too many or too much by chance for the story.
    pub(crate) async fn keys_unseen(&self) -> Result<Vec<(String, i64)>, Stop> {
        let mut redis = self.connect().await?;
        let mut seen = Vec::new();
        for key in all_keys(&mut redis).await? {
            let left = life(&mut redis, &key).await?;
            seen.push((String::from_utf8_lossy(&key).into_owned(), left));
        }
        Ok(seen)
    }

    /// No key would stay if nobody came back.
    pub(crate) async fn nothing_stays_for_ever(&self, help: &str) -> Outcome {
        let keys = self.keys().await?;
        let immortal = keys.iter().find(|(_, left)| *left == FOR_EVER);
        let actual = immortal.map(|(key, _)| format!("{key} has none"));
        let expected = "an expiry on every key in Redis";
        require(actual.is_none(), expected, actual.unwrap_or_default(), help)
    }

    /// The milliseconds that one key has left, or [`FOR_EVER`], or [`NOT_THERE`].
    pub(crate) async fn life(&self, key: &str) -> Result<i64, Stop> {
        Ok(life(&mut self.connect().await?, key.as_bytes()).await?)
    }

    async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.service.url.as_str());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
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
    answer.context("cannot look into Redis")
}

/// All keys, in order. A program may name them with any bytes.
async fn all_keys(redis: &mut MultiplexedConnection) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut keys: Vec<Vec<u8>> = ask(redis, cmd("KEYS").arg("*")).await?;
    keys.sort_unstable();
    Ok(keys)
}

async fn life(redis: &mut MultiplexedConnection, key: &[u8]) -> anyhow::Result<i64> {
    let left: i64 = ask(redis, cmd("PTTL").arg(key)).await?;
    Ok(left.min(LONGEST))
}
