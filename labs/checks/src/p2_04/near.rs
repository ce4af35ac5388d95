//! Task 4: a cache in each replica, with invalidation messages that can be lost.

use super::fixture::{
    costs, database_reads, eventually_costs, read, reads_since, start, two_prices, write,
};
use super::races::{STOP, require_overlap, wait_until_read};
use crate::redis_probe::RedisProbe;
use grader::{CheckContext, CheckResult, Replica, require};

const INVALIDATION_HELP: &str =
    "r1 has changed the price. How does r2 learn about it before its entry expires?";

/// Waits until `other` receives invalidations of `one`: a replica is ready before it
/// subscribes.
async fn wait_until_subscribed(
    ctx: &CheckContext,
    one: &Replica,
    other: &Replica,
) -> CheckResult {
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, one, &item, old).await?;
    costs(ctx, other, &item, old, "the price is in the database").await?;
    write(ctx, one, &item, new).await?;
    eventually_costs(ctx, other, &item, new, INVALIDATION_HELP).await
}

pub(super) async fn a_write_reaches_the_other_replicas(
    ctx: &CheckContext,
) -> CheckResult {
    let (one, other) = (start(ctx, "near", &[]).await?, start(ctx, "near", &[]).await?);
    wait_until_subscribed(ctx, &one, &other).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    let (calm, price) = (ctx.random_word(), ctx.random_number(1, 900));
    write(ctx, &one, &item, old).await?;
    write(ctx, &one, &calm, price).await?;
    // The prices may have been read before the messages about these writes arrived.
    eventually_costs(ctx, &other, &item, old, INVALIDATION_HELP).await?;
    eventually_costs(ctx, &other, &calm, price, INVALIDATION_HELP).await?;
    write(ctx, &one, &item, new).await?;
    costs(ctx, &one, &item, new, "the writing replica must return the new price").await?;
    eventually_costs(ctx, &other, &item, new, INVALIDATION_HELP).await?;
    let before = database_reads(ctx, &other).await?;
    for _ in 0..5 {
        costs(ctx, &other, &item, new, "it was read a moment ago").await?;
    }
    let reads = reads_since(ctx, &other, before).await?;
    let help = "without a message, the local cache must answer";
    require(reads == 0, "no database read", format!("{reads} more"), help)
}

pub(super) async fn slow_reader_discards_its_stale_read(
    ctx: &CheckContext,
) -> CheckResult {
    let stop = STOP.as_millis().to_string();
    let one = start(ctx, "near", &[]).await?;
    let slow = start(ctx, "near", &["--after-read-ms", &stop]).await?;
    wait_until_subscribed(ctx, &one, &slow).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &one, &item, old).await?;
    let before = database_reads(ctx, &slow).await?;
    ctx.note("r2 reads the database and pauses; r1 writes; r2 continues");
    let writing = async {
        wait_until_read(ctx, &slow, before).await?;
        write(ctx, &one, &item, new).await
    };
    let (reading, written) = tokio::join!(read(ctx, &slow, &item), writing);
    require_overlap(&reading?, &written?)?;
    let help = "the message arrived while r2 was reading, when there was no entry to \
                remove. Then r2 stored the old price. What could it compare before it \
                stores a price?";
    eventually_costs(ctx, &slow, &item, new, help).await
}

pub(super) async fn lost_message_is_recovered(ctx: &CheckContext) -> CheckResult {
    let (one, other) = (start(ctx, "near", &[]).await?, start(ctx, "near", &[]).await?);
    wait_until_subscribed(ctx, &one, &other).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &one, &item, old).await?;
    eventually_costs(ctx, &other, &item, old, INVALIDATION_HELP).await?;
    // The first read may have overlapped the message, and then its price was not cached.
    costs(ctx, &other, &item, old, "it was read a moment ago").await?;
    let redis = RedisProbe::of(ctx)?;
    redis.kill().await?;
    let help = "the price is in the database, so a write must succeed although the message \
         cannot be sent";
    write(ctx, &one, &item, new).await?;
    costs(ctx, &one, &item, new, help).await?;
    redis.restart().await?;
    let help = "the message was published while r2 was not subscribed, and it is not \
                repeated. What must a replica do with its cache when it reconnects to \
                Redis?";
    eventually_costs(ctx, &other, &item, new, help).await
}
