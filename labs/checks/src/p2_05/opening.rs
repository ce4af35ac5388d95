//! When the breaker opens, and how it behaves while it is open.

use super::fixture::{LoggedInUser, Setting};
use super::proxy::{Mode, RedisProxy};
use futures_util::future::join_all;
use grader::{CheckContext, CheckResult, require};

/// Number of concurrent requests while it is open.
const CONCURRENT_REQUESTS: usize = 30;

/// A refused connection and a missing answer are failures, both.
pub(super) async fn open_breaker_sends_nothing_to_redis(
    ctx: &CheckContext,
) -> CheckResult {
    opens(ctx, Mode::Refuse).await?;
    opens(ctx, Mode::Hang).await
}

async fn opens(ctx: &CheckContext, fault: Mode) -> CheckResult {
    let setting = Setting { limit: 250, failures: ctx.random_number(2, 5), rest: 60_000 };
    let proxy = RedisProxy::open(ctx).await?;
    let server = setting.start(ctx, Some(proxy.url())).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    client.is_seen("Redis is available: its answer must be passed on").await?;
    let before = proxy.connections();
    proxy.set_mode(fault);
    for _ in 0..setting.failures {
        client.returns_503().await?;
    }
    let asked = proxy.connections() - before;
    let help = "the breaker must open after `--failures` consecutive failures; until \
                then each request sends one request to Redis";
    let expected = format!("{} requests to Redis", setting.failures);
    let few = u64::try_from(asked).is_ok_and(|asked| asked == setting.failures);
    require(few, expected, format!("{asked} requests"), help)?;

    ctx.note(format!("{CONCURRENT_REQUESTS} more requests at the same time"));
    let replies =
        join_all((0..CONCURRENT_REQUESTS).map(|_| client.read_session().quiet().send()))
            .await;
    for reply in replies {
        super::fixture::require_503(reply?)?;
    }
    let more = proxy.connections() - before - asked;
    let help = "these requests would fail as the last ones did. What does each attempt \
                cost the client and Redis, and which state is kept between requests?";
    require(more == 0, "no further request to Redis", format!("{more} more"), help)
}

pub(super) async fn scattered_failures_do_not_open_the_breaker(
    ctx: &CheckContext,
) -> CheckResult {
    let setting = Setting { limit: 5000, failures: 3, rest: 60_000 };
    let proxy = RedisProxy::open(ctx).await?;
    let server = setting.start(ctx, Some(proxy.url())).await?;
    let client = LoggedInUser::login(ctx, &server, setting).await?;
    let help = "there were never `--failures` consecutive failures. What does a success \
                do to the count of failures?";
    for _ in 0..3 {
        proxy.set_mode(Mode::Refuse);
        for _ in 1..setting.failures {
            client.returns_503().await?;
        }
        proxy.set_mode(Mode::Pass);
        client.is_seen(help).await?;
    }
    Ok(())
}
