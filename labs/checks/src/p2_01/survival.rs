//! Faults that a cart must survive: restarted or killed replicas, an emptied Redis, a
//! Redis outage.

use super::fixture::Cart;
use crate::database_file::DatabaseFile;
use crate::redis_probe::RedisProbe;
use futures_util::future::join_all;
use grader::{CheckContext, CheckError, CheckResult, Replica, require};
use std::time::Duration;

/// Delay that is long enough for a write in the background.
const WRITE_BEHIND_DELAY: Duration = Duration::from_millis(400);

/// Two replicas and a cart with items.
async fn filled<'a>(
    ctx: &'a CheckContext,
    help: &str,
) -> Result<(Replica, Replica, Cart<'a>), CheckError> {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let mut cart = Cart::new(ctx);
    for replica in [&r1, &r2, &r1] {
        cart.add(replica, &ctx.random_word(), help).await?;
    }
    Ok((r1, r2, cart))
}

pub(super) async fn a_restart_of_every_replica_loses_nothing(
    ctx: &CheckContext,
) -> CheckResult {
    let help = "which data survives when all your processes have exited?";
    let (r1, r2, mut cart) = filled(ctx, help).await?;
    for replica in [&r1, &r2] {
        replica.terminate().await?;
        replica.restart().await?;
        cart.is_complete(replica, help).await?;
    }
    r1.kill().await;
    r2.kill().await;
    r1.restart().await?;
    cart.add(&r1, &ctx.random_word(), help).await?;
    cart.is_complete(&r1, help).await
}

pub(super) async fn every_redis_key_expires(ctx: &CheckContext) -> CheckResult {
    let help =
        "most customers abandon their cart. What removes abandoned carts from Redis?";
    let (r1, r2, mut cart) = filled(ctx, help).await?;
    cart.is_complete(&r1, help).await?;
    cart.add(&r2, &ctx.random_word(), help).await?;
    cart.is_complete(&r2, help).await?;
    RedisProbe::of(ctx)?.every_key_expires(help).await
}

pub(super) async fn an_empty_redis_loses_nothing(ctx: &CheckContext) -> CheckResult {
    let help = "the items were in Redis. Where else?";
    let redis = RedisProbe::of(ctx)?;
    let (r1, r2, mut cart) = filled(ctx, help).await?;
    cart.is_complete(&r2, help).await?;
    // Delayed writes are the subject of the next check.
    tokio::time::sleep(WRITE_BEHIND_DELAY).await;
    redis.empty().await?;
    for replica in [&r1, &r2] {
        cart.is_complete(replica, help).await?;
        cart.add(replica, &ctx.random_word(), help).await?;
    }
    tokio::time::sleep(WRITE_BEHIND_DELAY).await;
    redis.empty().await?;
    // Before a look could fill Redis again: it must not keep this item alone.
    cart.add(&r2, &ctx.random_word(), help).await?;
    cart.is_complete(&r1, help).await
}

pub(super) async fn redis_outage_does_not_stop_requests(
    ctx: &CheckContext,
) -> CheckResult {
    let help = "the database is the source of truth and is available. What is Redis \
                needed for?";
    let redis = RedisProbe::of(ctx)?;
    let (r1, r2, mut cart) = filled(ctx, help).await?;
    redis.kill().await?;
    cart.is_complete(&r1, help).await?;
    cart.add(&r2, &ctx.random_word(), help).await?;
    cart.is_complete(&r1, help).await?;
    r2.kill().await;
    r2.restart().await?;
    cart.is_complete(&r2, help).await?;
    redis.restart().await?;
    let help = "the data in Redis is older than its crash: it may be incomplete, but a \
                replica must not return it as the current cart";
    cart.is_complete(&r1, help).await?;
    cart.is_complete(&r2, help).await
}

/// The replica is killed right after the last reply, so its delayed writes are lost.
pub(super) async fn acknowledged_items_survive_a_crash(
    ctx: &CheckContext,
) -> CheckResult {
    let (r1, r2) = (ctx.start(&[]).await?, ctx.start(&[]).await?);
    let redis = RedisProbe::of(ctx)?;
    let mut cart = Cart::new(ctx);
    let requests: Vec<_> = (0..ctx.random_number(16, 24))
        .map(|_| (ctx.random_word(), ctx.random_word()))
        .collect();
    ctx.note(format!("{} items at the same time, all at r1", requests.len()));
    let adds =
        requests.iter().map(|(item, key)| cart.add_request(&r1.url(), item, 1, key));
    let replies = join_all(adds.map(|add| add.quiet().try_send())).await;
    r1.kill().await;
    redis.empty().await?;
    for ((item, _), reply) in requests.iter().zip(replies) {
        if reply?.is_ok_and(|reply| reply.status == 201) {
            cart.note(item, 1);
        }
    }
    ctx.note(format!("{} of them were answered with 201", cart.items.len()));
    require(
        !cart.items.is_empty(),
        "some items that are added",
        "none was answered with 201",
        "look at the program's log: why does `add` fail?",
    )?;
    let help = "201 confirms that the item is stored. Which writes must be complete \
                before it is sent, and which may still be in progress when the process \
                dies?";
    let (seen, _) = cart.seen(&r2, help).await?;
    let lost = cart.items.keys().filter(|item| !seen.contains_key(*item)).count();
    let expected = "every item that was answered with 201";
    require(lost == 0, expected, format!("{lost} of {} lost", cart.items.len()), help)
}

/// Detects carts in local files, which would pass all other checks on one machine.
pub(super) async fn carts_are_in_the_database(ctx: &CheckContext) -> CheckResult {
    let help = "only the database is durable";
    let (_r1, _r2, cart) = filled(ctx, help).await?;
    let database = DatabaseFile::read(ctx)?;
    let missing = cart.items.keys().find(|item| !database.contains(item));
    let actual = missing
        .map(|item| format!("the database does not contain {item}"))
        .unwrap_or_default();
    let expected = "each item in the database's file";
    require(missing.is_none(), expected, actual, help)
}
