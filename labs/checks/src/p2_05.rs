//! p2-05, the circuit breaker: a Redis that is down, a Redis that hangs, and the replies
//! of the program.

mod fixture;
mod opening;
mod probing;
mod proxy;

use crate::redis_probe::RedisProbe;
use fixture::{LoggedInUser, SLACK, Setting, require_503};
use futures_util::future::{Either, join_all, select};
use grader::{CheckContext, CheckError, CheckResult, Suite, suite};
use opening::{
    open_breaker_sends_nothing_to_redis, scattered_failures_do_not_open_the_breaker,
};
use probing::{
    abandoned_probe_is_followed_by_another, breaker_closes_by_itself,
    failed_probe_keeps_the_breaker_open, half_open_breaker_sends_one_probe,
};
use std::pin::pin;

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
