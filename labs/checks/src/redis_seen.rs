//! The Redis of a check: what is done to it is part of the story, and what is in it can be
//! looked at. Only commands that the embedded Redis knows too.

use anyhow::Context;
use grader::{Exam, Outcome, Service, Stop, What, require};
use redis::RedisResult;
use redis::aio::MultiplexedConnection;

/// `PTTL` of a key that has no expiry.
const FOR_EVER: i64 = -1;

/// Keys that are shown of those that are there.
const SHOWN: usize = 5;

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
        let mut connection = self.connect().await?;
        let emptied: RedisResult<()> =
            redis::cmd("FLUSHALL").query_async(&mut connection).await;
        emptied.context("cannot empty Redis")?;
        self.exam.say("⚡ emptied Redis (FLUSHALL)");
        Ok(())
    }

    /// Every key, and the milliseconds it has left.
    pub(crate) async fn keys(&self) -> Result<Vec<(String, i64)>, Stop> {
        let mut connection = self.connect().await?;
        let keys: RedisResult<Vec<String>> =
            redis::cmd("KEYS").arg("*").query_async(&mut connection).await;
        let mut seen = Vec::new();
        for key in keys.context("cannot list Redis' keys")? {
            let left: RedisResult<i64> =
                redis::cmd("PTTL").arg(&key).query_async(&mut connection).await;
            seen.push((key, left.context("cannot ask how long a key lives")?));
        }
        seen.sort_unstable();
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

    /// No key would stay if nobody came back.
    pub(crate) async fn nothing_stays_for_ever(&self, help: &str) -> Outcome {
        let keys = self.keys().await?;
        let immortal = keys.iter().find(|(_, left)| *left == FOR_EVER);
        let actual = immortal.map(|(key, _)| format!("{key} has none"));
        let expected = "an expiry on every key in Redis";
        require(actual.is_none(), expected, actual.unwrap_or_default(), help)
    }

    async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.service.url.as_str());
        let connection = client?.get_multiplexed_async_connection().await;
        connection.context("cannot connect to Redis")
    }
}
