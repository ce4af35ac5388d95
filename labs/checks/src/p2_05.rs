//! p2-05, the circuit breaker: a Redis that is dead, one that hangs, and what is said of it.

mod gate;
mod opening;
mod probing;

use crate::redis_seen::RedisSeen;
use futures_util::future::{Either, join_all, select};
use grader::client::Call;
use grader::{Exam, Outcome, Replica, Reply, Stop, Suite, require, suite};
use opening::{a_failure_now_and_then_opens_nothing, an_open_breaker_asks_nobody};
use probing::{
    a_failed_probe_rests_again, a_probe_that_is_given_up_is_not_the_last,
    it_closes_by_itself, one_probe_at_a_time,
};
use serde_json::json;
use std::pin::pin;
use std::time::Duration;

pub(crate) const SUITE: Suite = suite!("p2-05-the-circuit-breaker":
    a_healthy_redis_is_believed,
    a_dead_redis_is_no_logout,
    what_needs_no_redis_is_served,
    nobody_waits_longer_than_the_limit,
    an_open_breaker_asks_nobody,
    a_failure_now_and_then_opens_nothing,
    it_closes_by_itself,
    one_probe_at_a_time,
    a_failed_probe_rests_again,
    a_probe_that_is_given_up_is_not_the_last,
    what_redis_forgot_is_unknown,
);

/// What a busy machine may add to a time that the program keeps.
const SLACK: Duration = Duration::from_secs(2);

/// How the breaker is set: the limit and the rest in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Setting {
    limit: u64,
    failures: u64,
    rest: u64,
}

impl Setting {
    fn limit(self) -> Duration {
        Duration::from_millis(self.limit)
    }

    fn rest(self) -> Duration {
        Duration::from_millis(self.rest)
    }

    /// A replica with this breaker, whose Redis is where it is told, or the exam's.
    async fn start(self, exam: &Exam, redis: Option<&str>) -> Result<Replica, Stop> {
        let numbers = [self.limit, self.failures, self.rest].map(|n| n.to_string());
        let mut args = vec!["--limit-ms", &numbers[0], "--failures", &numbers[1]];
        args.extend(["--rest-ms", &numbers[2]]);
        args.extend(redis.map(|redis| ["--redis", redis]).into_iter().flatten());
        exam.start(&args).await
    }
}

/// Somebody who is logged in.
#[derive(Debug)]
struct Known<'a> {
    exam: &'a Exam,
    at: Replica,
    user: String,
    id: String,
    setting: Setting,
}

impl<'a> Known<'a> {
    async fn login(exam: &'a Exam, at: &Replica, setting: Setting) -> Result<Self, Stop> {
        let (user, id) = (exam.user(), exam.word());
        let known = Self { exam, at: at.clone(), user, id, setting };
        let help = "Redis is well: what it says is passed on";
        let reply = known.start().send().await?;
        reply.expect_unless_slow(201, setting.limit(), help)?;
        Ok(known)
    }

    fn start(&self) -> Call {
        let call = self.exam.post(&self.at.url(), "/api/session/start");
        call.header("X-Session-ID", &self.id).json(&json!({ "username": self.user }))
    }

    fn look(&self) -> Call {
        self.exam.get(&self.at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    async fn is_seen(&self, help: &str) -> Outcome {
        let reply = self.look().send().await?;
        // A question that a busy machine held up is given up by the program, and rightly.
        let reply = reply.expect_unless_slow(200, self.setting.limit(), help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// One look while Redis does not answer.
    async fn is_not_known(&self) -> Outcome {
        honest(self.look().send().await?).map(drop)
    }
}

/// What may be said when nothing is known.
fn honest(reply: Reply) -> Result<Reply, Stop> {
    let help = "Redis did not answer: is somebody logged in or not? 401 would be a claim, and \
                clients throw their id away when they read it. Whose fault is it, and may the \
                client try again?";
    let reply = reply.expect(503, help)?;
    let after = reply.headers.get("Retry-After").and_then(|after| after.to_str().ok());
    let seconds = after.and_then(|after| after.parse::<u64>().ok());
    let actual = format!("Retry-After: {}", after.unwrap_or("(not there)"));
    let help = "a client that is told when to come back does not come every millisecond";
    let expected = "Retry-After with a number of seconds, at least 1";
    require(seconds.is_some_and(|s| (1..=300).contains(&s)), expected, actual, help)?;
    Ok(reply)
}

async fn a_healthy_redis_is_believed(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 5000, failures: 3, rest: 60_000 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    let help = "Redis is well: what it says is passed on";
    known.is_seen(help).await?;
    let help = "Redis answered: nobody is logged in under this id. That is an answer, not a \
                failure, however often it comes";
    for _ in 0..setting.failures + 2 {
        let (id, user, at) = (exam.word(), String::new(), server.clone());
        let nobody = Known { exam, at, user, id, setting };
        let reply = nobody.look().send().await?;
        reply.expect_unless_slow(401, setting.limit(), help)?;
    }
    known.is_seen(help).await
}

async fn a_dead_redis_is_no_logout(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 1000, failures: 3, rest: 60_000 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    known.is_seen("Redis is well: what it says is passed on").await?;
    RedisSeen::of(exam)?.kill().await?;
    for _ in 0..setting.failures + 2 {
        known.is_not_known().await?;
    }
    let nobody = Known { id: exam.word(), ..known };
    nobody.is_not_known().await?;
    honest(nobody.start().send().await?).map(drop)
}

async fn what_needs_no_redis_is_served(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 8000, failures: 50, rest: 60_000 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    let redis = RedisSeen::of(exam)?;
    redis.pause().await?;
    exam.say("20 requests wait for Redis, and meanwhile:");
    let waiting = join_all((0..20).map(|_| known.look().unseen().try_send()));
    let help = "one thing that hangs must not hold everything else";
    let about = async {
        for _ in 0..5 {
            let call = exam.get(&server.url(), "/api/about");
            call.send().await?.expect(200, help)?;
        }
        Ok(())
    };
    // Whoever still waits goes away.
    match select(pin!(about), pin!(waiting)).await {
        Either::Left((served, _)) => served,
        Either::Right((_, about)) => about.await,
    }
}

async fn nobody_waits_longer_than_the_limit(exam: &Exam) -> Outcome {
    let setting = Setting { limit: exam.number(200, 400), failures: 4, rest: 60_000 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    RedisSeen::of(exam)?.pause().await?;
    let longest = setting.limit() + SLACK;
    let help = "a Redis that is frozen takes connections and never answers. Who stops \
                waiting?";
    for _ in 0..setting.failures {
        let Ok(reply) = tokio::time::timeout(longest, known.look().send()).await else {
            let expected = format!("an answer soon after {} ms", setting.limit);
            let actual = format!("none after {} ms", longest.as_millis());
            return Err(Stop::too_slow(expected, actual, help));
        };
        honest(reply?)?;
    }
    Ok(())
}

/// Who answers from memory says what may be wrong by now.
async fn what_redis_forgot_is_unknown(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 5000, failures: 3, rest: 1000 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    known.is_seen("Redis is well: what it says is passed on").await?;
    RedisSeen::of(exam)?.empty().await?;
    let help = "Redis is well and knows nobody: who said that somebody is logged in?";
    let reply = known.look().send().await?;
    reply.expect_unless_slow(401, setting.limit(), help).map(drop)
}
