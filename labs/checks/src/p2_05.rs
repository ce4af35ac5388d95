//! p2-05, the circuit breaker: a Redis that is down, a Redis that hangs, and the replies
//! of the program.

mod opening;
mod probing;
mod proxy;

use crate::redis_probe::RedisProbe;
use futures_util::future::{Either, join_all, select};
use grader::{
    Call, CheckContext, CheckError, CheckResult, Replica, Reply, Suite, require, suite,
};
use opening::{
    open_breaker_sends_nothing_to_redis, scattered_failures_do_not_open_the_breaker,
};
use probing::{
    abandoned_probe_is_followed_by_another, breaker_closes_by_itself,
    failed_probe_keeps_the_breaker_open, half_open_breaker_sends_one_probe,
};
use serde_json::json;
use std::pin::pin;
use std::time::Duration;

pub(crate) const SUITE: Suite = suite!("p2-05-the-circuit-breaker":
    healthy_redis_is_used,
    redis_outage_is_not_a_logout,
    requests_without_redis_are_served,
    requests_end_within_the_limit,
    open_breaker_sends_nothing_to_redis,
    scattered_failures_do_not_open_the_breaker,
    breaker_closes_by_itself,
    half_open_breaker_sends_one_probe,
    failed_probe_keeps_the_breaker_open,
    abandoned_probe_is_followed_by_another,
    emptied_redis_means_unknown_session,
);

/// Time that a busy machine may add to a timeout.
const SLACK: Duration = Duration::from_secs(2);

/// Settings of the breaker: the timeout and the rest in milliseconds.
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

    /// Starts a replica with this breaker. Its Redis is at this URL, or is the check's
    /// own.
    async fn start(
        self,
        ctx: &CheckContext,
        redis: Option<&str>,
    ) -> Result<Replica, CheckError> {
        let numbers = [self.limit, self.failures, self.rest].map(|n| n.to_string());
        let mut args = vec!["--limit-ms", &numbers[0], "--failures", &numbers[1]];
        args.extend(["--rest-ms", &numbers[2]]);
        args.extend(redis.map(|redis| ["--redis", redis]).into_iter().flatten());
        ctx.start(&args).await
    }
}

/// A user with a session.
#[derive(Debug)]
struct LoggedInUser<'a> {
    ctx: &'a CheckContext,
    at: Replica,
    user: String,
    id: String,
    setting: Setting,
}

impl<'a> LoggedInUser<'a> {
    async fn login(
        ctx: &'a CheckContext,
        at: &Replica,
        setting: Setting,
    ) -> Result<Self, CheckError> {
        let (user, id) = (ctx.random_user(), ctx.random_word());
        let client = Self { ctx, at: at.clone(), user, id, setting };
        let help = "Redis is available: its answer must be passed on";
        let reply = client.start().send().await?;
        reply.expect_unless_slow(201, setting.limit(), help)?;
        Ok(client)
    }

    fn start(&self) -> Call {
        let call = self.ctx.post(&self.at.url(), "/api/session/start");
        call.header("X-Session-ID", &self.id).json(&json!({ "username": self.user }))
    }

    fn read_session(&self) -> Call {
        self.ctx.get(&self.at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    async fn is_seen(&self, help: &str) -> CheckResult {
        let reply = self.read_session().send().await?;
        // A program rightly times out a request that a busy machine delayed.
        let reply = reply.expect_unless_slow(200, self.setting.limit(), help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// Requires a 503 for a read while Redis does not answer.
    async fn returns_503(&self) -> CheckResult {
        require_503(self.read_session().send().await?).map(drop)
    }
}

/// Requires 503 with `Retry-After`, because the session's state is unknown.
fn require_503(reply: Reply) -> Result<Reply, CheckError> {
    let help = "Redis did not answer, so the program does not know whether the session \
                exists. 401 would be a false claim, and clients delete their id when \
                they get it. Which status means that the server has a problem and the \
                client may retry?";
    let reply = reply.expect(503, help)?;
    let after = reply.headers.get("Retry-After").and_then(|after| after.to_str().ok());
    let seconds = after.and_then(|after| after.parse::<u64>().ok());
    let actual = format!("Retry-After: {}", after.unwrap_or("(not there)"));
    let help = "a client with a Retry-After does not retry every millisecond";
    let expected = "Retry-After with a number of seconds, at least 1";
    require(seconds.is_some_and(|s| (1..=300).contains(&s)), expected, actual, help)?;
    Ok(reply)
}

async fn healthy_redis_is_used(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 5000, failures: 3, rest: 60_000 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    let help = "Redis is available: its answer must be passed on";
    client.is_seen(help).await?;
    let help = "Redis answered that this id does not exist. That is an answer, not a \
                failure, however often it happens";
    for _ in 0..setting.failures + 2 {
        let (id, user, at) = (ctx.random_word(), String::new(), server.clone());
        let unknown = LoggedInUser { ctx, at, user, id, setting };
        let reply = unknown.read_session().send().await?;
        reply.expect_unless_slow(401, setting.limit(), help)?;
    }
    client.is_seen(help).await
}

async fn redis_outage_is_not_a_logout(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 1000, failures: 3, rest: 60_000 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    client.is_seen("Redis is available: its answer must be passed on").await?;
    RedisProbe::of(ctx)?.kill().await?;
    for _ in 0..setting.failures + 2 {
        client.returns_503().await?;
    }
    let unknown = LoggedInUser { id: ctx.random_word(), ..client };
    unknown.returns_503().await?;
    require_503(unknown.start().send().await?).map(drop)
}

async fn requests_without_redis_are_served(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 8000, failures: 50, rest: 60_000 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    let redis = RedisProbe::of(ctx)?;
    redis.pause().await?;
    ctx.note("20 requests wait for Redis; meanwhile:");
    let waiting = join_all((0..20).map(|_| client.read_session().quiet().try_send()));
    let help = "a hanging dependency must not block requests that do not need it";
    let about = async {
        for _ in 0..5 {
            let call = ctx.get(&server.url(), "/api/about");
            call.send().await?.expect(200, help)?;
        }
        Ok(())
    };
    // Requests that still wait are dropped.
    match select(pin!(about), pin!(waiting)).await {
        Either::Left((served, _)) => served,
        Either::Right((_, about)) => about.await,
    }
}

async fn requests_end_within_the_limit(ctx: &CheckContext) -> CheckResult {
    let setting =
        Setting { limit: ctx.random_number(200, 400), failures: 4, rest: 60_000 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    RedisProbe::of(ctx)?.pause().await?;
    let longest = setting.limit() + SLACK;
    let help =
        "a paused Redis accepts connections and never answers. Where is the timeout?";
    for _ in 0..setting.failures {
        let Ok(reply) = tokio::time::timeout(longest, client.read_session().send()).await
        else {
            let expected = format!("a reply soon after {} ms", setting.limit);
            let actual = format!("none after {} ms", longest.as_millis());
            return Err(CheckError::timed_out(expected, actual, help));
        };
        require_503(reply?)?;
    }
    Ok(())
}

/// A reply from memory may be outdated.
async fn emptied_redis_means_unknown_session(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 5000, failures: 3, rest: 1000 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    client.is_seen("Redis is available: its answer must be passed on").await?;
    RedisProbe::of(ctx)?.empty().await?;
    let help =
        "Redis is available and empty: where does the program still find this session?";
    let reply = client.read_session().send().await?;
    reply.expect_unless_slow(401, setting.limit(), help).map(drop)
}
