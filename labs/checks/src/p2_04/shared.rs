//! Task 3: a cache that all replicas share, and its outage.

use super::fixture::{costs, database_reads, editor, start, two_prices, write};
use crate::redis_probe::{NO_EXPIRY, RedisProbe};
use grader::{CheckContext, CheckResult, require};

pub(super) async fn one_read_fills_the_shared_cache(ctx: &CheckContext) -> CheckResult {
    let (one, other) =
        (start(ctx, "shared", &[]).await?, start(ctx, "shared", &[]).await?);
    let editor = editor(ctx).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &editor, &item, old).await?;
    costs(ctx, &one, &item, old, "the price is in the database").await?;
    costs(ctx, &other, &item, old, "the price is in the database").await?;
    let reads = database_reads(ctx, &other).await?;
    let help =
        "r1 has read this price. Where could r2 find it without reading the database?";
    require(reads == 0, "no database read of r2", format!("{reads}"), help)?;
    write(ctx, &other, &item, new).await?;
    let help =
        "r2 has answered the write: no replica may return the old price after that";
    costs(ctx, &one, &item, new, help).await?;
    costs(ctx, &other, &item, new, help).await.map(drop)
}

pub(super) async fn cache_outage_does_not_stop_requests(
    ctx: &CheckContext,
) -> CheckResult {
    let server = start(ctx, "shared", &[]).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &server, &item, old).await?;
    costs(ctx, &server, &item, old, "the price is in the database").await?;
    RedisProbe::of(ctx)?.kill().await?;
    let help = "the database is the source of truth and is available: a cache only makes \
                reads faster";
    costs(ctx, &server, &item, old, help).await?;
    write(ctx, &server, &item, new).await?;
    costs(ctx, &server, &item, new, help).await.map(drop)
}

/// Every key in Redis must expire: prices, and the keys that guard them.
pub(super) async fn every_redis_key_expires(ctx: &CheckContext) -> CheckResult {
    let server = start(ctx, "shared", &[]).await?;
    for _ in 0..3 {
        let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
        write(ctx, &server, &item, old).await?;
        costs(ctx, &server, &item, old, "the price is in the database").await?;
        write(ctx, &server, &item, new).await?;
        costs(ctx, &server, &item, new, "the price is in the database").await?;
    }
    let help = "there is one key for each name that was ever read or changed, and Redis \
                is memory";
    let keys = RedisProbe::of(ctx)?.keys_quietly().await?;
    ctx.note(format!("read Redis: {} keys", keys.len()));
    let without_expiry = keys.iter().find(|(_, left)| *left == NO_EXPIRY);
    let kind =
        without_expiry.and_then(|(key, _)| key.split(':').next()).unwrap_or_default();
    let actual = format!("{kind} has none");
    require(without_expiry.is_none(), "a time to live for each key", actual, help)
}
