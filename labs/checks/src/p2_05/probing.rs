//! The half-open breaker: one probe, and its result.

use super::fixture::{LoggedInUser, SLACK, Setting, require_503};
use super::proxy::{Mode, RedisProxy};
use crate::redis_probe::RedisProbe;
use futures_util::future::{Either, join_all, select};
use grader::{CheckContext, CheckError, CheckResult, require};
use std::pin::pin;
use std::time::{Duration, Instant};

/// Number of concurrent requests when the rest is over.
const CONCURRENT_REQUESTS: usize = 20;

/// Tolerance for clocks and timers.
const TIMER_TOLERANCE: Duration = Duration::from_millis(100);

/// Maximum time until recovery after the rest.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(4);

/// Fails Redis until the breaker is open, and waits for the rest.
async fn open_and_wait_for_rest(
    proxy: &RedisProxy<'_>,
    client: &LoggedInUser<'_>,
    setting: Setting,
) -> CheckResult {
    proxy.set_mode(Mode::Refuse);
    for _ in 0..setting.failures {
        client.returns_503().await?;
    }
    tokio::time::sleep(setting.rest() + TIMER_TOLERANCE).await;
    client.ctx.note(format!("… the rest of {} ms is over", setting.rest));
    Ok(())
}

/// Reads the session until the reply is 200.
async fn recovers(
    client: &LoggedInUser<'_>,
    setting: Setting,
    help: &str,
) -> CheckResult {
    let timeout = setting.rest() + setting.limit() + RECOVERY_TIMEOUT;
    let deadline = Instant::now() + timeout;
    loop {
        let reply = client.read_session().send().await?;
        if reply.status == 200 {
            return Ok(());
        }
        let reply = require_503(reply)?;
        if Instant::now() > deadline {
            let expected = format!("200 within {} ms", timeout.as_millis());
            return Err(CheckError::timed_out(expected, reply.shown(), help));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn breaker_closes_by_itself(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 250, failures: 2, rest: 500 };
    let server = setting.start(ctx, None).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    let redis = RedisProbe::of(ctx)?;
    let dies = *ctx.choose(&[true, false]);
    if dies {
        redis.kill().await?
    } else {
        redis.pause().await?
    }
    for _ in 0..setting.failures + 2 {
        client.returns_503().await?;
    }
    if dies {
        redis.restart().await?
    } else {
        redis.resume().await?
    }
    let help = "Redis is available again. How does your program detect that without a \
                restart?";
    // The embedded Redis loses its data when it is killed, so the user must log in again.
    if dies {
        ctx.note("logins are repeated until one succeeds");
        let deadline = Instant::now() + setting.rest() + RECOVERY_TIMEOUT;
        while client.start().quiet().send().await?.status != 201 {
            if Instant::now() > deadline {
                let expected = "a login that works";
                return Err(CheckError::timed_out(expected, "503 each time", help));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    recovers(&client, setting, help).await?;
    let help = "the breaker is closed again: every request must use Redis";
    for _ in 0..5 {
        client.is_seen(help).await?;
    }
    Ok(())
}

pub(super) async fn half_open_breaker_sends_one_probe(ctx: &CheckContext) -> CheckResult {
    let setting = Setting { limit: 1500, failures: 2, rest: 400 };
    let proxy = RedisProxy::open(ctx).await?;
    let server = setting.start(ctx, Some(proxy.url())).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    open_and_wait_for_rest(&proxy, &client, setting).await?;
    proxy.set_mode(Mode::Hang);
    let before = proxy.connections();
    ctx.note(format!("{CONCURRENT_REQUESTS} requests at the same time"));
    let began = Instant::now();
    let replies =
        join_all((0..CONCURRENT_REQUESTS).map(|_| client.read_session().quiet().send()))
            .await;
    let took = began.elapsed();
    let mut slow = 0;
    for reply in replies {
        let reply = require_503(reply?)?;
        slow += usize::from(reply.at.1 - reply.at.0 >= setting.limit());
    }
    let asked = proxy.connections() - before;
    if asked > 1 && took >= setting.limit() + setting.rest() {
        return Err(CheckError::inconclusive(
            "this machine was too busy: there was time for two probes",
        ));
    }
    let help = "one request is enough to detect whether Redis is available. All others \
                would be additional load on a Redis that may just be starting";
    require(asked == 1, "one request to Redis", format!("{asked} requests"), help)?;
    let help = "one request is the probe. What do the others gain by waiting for it?";
    if slow > 1 {
        let expected = "an immediate reply for all but one";
        let actual = format!(
            "{slow} of {CONCURRENT_REQUESTS} took {} ms or longer",
            setting.limit
        );
        return Err(CheckError::timed_out(expected, actual, help));
    }
    Ok(())
}

pub(super) async fn failed_probe_keeps_the_breaker_open(
    ctx: &CheckContext,
) -> CheckResult {
    let setting = Setting { limit: 5000, failures: 3, rest: 800 };
    let proxy = RedisProxy::open(ctx).await?;
    let server = setting.start(ctx, Some(proxy.url())).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    open_and_wait_for_rest(&proxy, &client, setting).await?;
    let before = proxy.connections();
    let began = Instant::now();
    for _ in 0..6 {
        client.returns_503().await?;
    }
    let (asked, took) = (proxy.connections() - before, began.elapsed());
    if took >= setting.rest() {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the next rest was over",
        ));
    }
    let help = "the probe failed, so Redis is still down. How many failures are needed \
                to open a half-open breaker?";
    require(asked == 1, "one request to Redis", format!("{asked} requests"), help)
}

/// The client of the probing request closes its connection, and the server drops the
/// request at an `await`.
pub(super) async fn abandoned_probe_is_followed_by_another(
    ctx: &CheckContext,
) -> CheckResult {
    let setting = Setting { limit: 1000, failures: 2, rest: 300 };
    let proxy = RedisProxy::open(ctx).await?;
    let server = setting.start(ctx, Some(proxy.url())).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    open_and_wait_for_rest(&proxy, &client, setting).await?;
    proxy.set_mode(Mode::Hang);
    let probe = proxy.connections() + 1;
    let asked = proxy.wait_for(probe, setting.limit() + SLACK);
    match select(pin!(client.read_session().quiet().try_send()), pin!(asked)).await {
        Either::Right((true, _)) => {
            ctx.note(
                "one request probes Redis, and its client disconnects before the reply",
            );
        }
        _ => {
            let expected = "a request to Redis after the rest";
            let help = "without a probe the program cannot detect that Redis is \
                        available again";
            return Err(CheckError::timed_out(expected, "none", help));
        }
    }
    proxy.set_mode(Mode::Pass);
    let help = "the probing request was dropped. A dropped future runs no further line: \
                how does the breaker learn that its probe has ended?";
    recovers(&client, setting, help).await
}
