//! Requests to an editor and its caches, as the checks use it.

use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;
use std::time::{Duration, Instant};

/// A time to live that does not pass during a check, in milliseconds.
pub(super) const LONG_MS: &str = "600000";

/// Maximum time until a change reaches another replica.
pub(super) const PROPAGATION_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn start(
    ctx: &CheckContext,
    mode: &str,
    more: &[&str],
) -> Result<Replica, CheckError> {
    let args = [&["--cache", mode, "--ttl-ms", LONG_MS], more].concat();
    ctx.start(&args).await
}

/// A replica without a cache, which changes the database.
pub(super) async fn editor(ctx: &CheckContext) -> Result<Replica, CheckError> {
    ctx.start(&["--cache", "none"]).await
}

pub(super) async fn read(
    ctx: &CheckContext,
    at: &Replica,
    item: &str,
) -> Result<Reply, CheckError> {
    ctx.get(&at.url(), &format!("/api/prices/{item}")).send().await
}

pub(super) async fn write(
    ctx: &CheckContext,
    at: &Replica,
    item: &str,
    cents: u64,
) -> Result<Reply, CheckError> {
    let path = format!("/api/prices/{item}");
    let call = ctx.call(http::Method::PUT, &at.url(), &path);
    let reply = call.json(&json!({ "cents": cents })).send().await?;
    reply.expect(204, "a write must be answered after the price is in the database")
}

/// Reads a price and requires this value.
pub(super) async fn costs(
    ctx: &CheckContext,
    at: &Replica,
    item: &str,
    cents: u64,
    help: &str,
) -> Result<Reply, CheckError> {
    let reply = read(ctx, at, item).await?.expect(200, help)?;
    let seen = reply.json()["cents"].as_u64();
    require(seen == Some(cents), format!("{cents} cents"), reply.shown(), help)?;
    Ok(reply)
}

/// Waits until a replica returns this price. The exact time is unknown, so a timeout
/// counts only if it happens twice.
pub(super) async fn eventually_costs(
    ctx: &CheckContext,
    at: &Replica,
    item: &str,
    cents: u64,
    help: &str,
) -> CheckResult {
    let deadline = Instant::now() + PROPAGATION_TIMEOUT;
    ctx.transcript().quiet(true);
    let last = loop {
        let reply = read(ctx, at, item).await;
        let is_new = |reply: &Reply| reply.json()["cents"].as_u64() == Some(cents);
        if !reply.as_ref().is_ok_and(|reply| !is_new(reply)) || Instant::now() > deadline
        {
            break reply;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ctx.transcript().quiet(false);
    let last = last?;
    ctx.note(format!("{}: {item} is read until the price is new", at.name()));
    ctx.note(format!("  {}", last.shown()));
    let last = last.expect(200, help)?;
    if last.json()["cents"].as_u64() == Some(cents) {
        return Ok(());
    }
    let expected = format!("{cents} cents within {} s", PROPAGATION_TIMEOUT.as_secs());
    Err(CheckError::timed_out(expected, last.shown(), help))
}

/// Number of database reads of a replica.
pub(super) async fn database_reads(
    ctx: &CheckContext,
    at: &Replica,
) -> Result<u64, CheckError> {
    Ok(figure(&cache(ctx, at).await?, "database_reads"))
}

/// Number of database reads of a replica since it had `before`.
pub(super) async fn reads_since(
    ctx: &CheckContext,
    at: &Replica,
    before: u64,
) -> Result<u64, CheckError> {
    let reply = cache(ctx, at).await?;
    let more = figure(&reply, "database_reads").checked_sub(before);
    more.ok_or_else(|| {
        let help = "the finished part counts the reads: did you change it?";
        CheckError::failed(
            format!("at least {before} database reads"),
            reply.shown(),
            help,
        )
    })
}

pub(super) async fn cache(ctx: &CheckContext, at: &Replica) -> Result<Reply, CheckError> {
    let reply = ctx.get(&at.url(), "/api/cache").send().await?;
    reply.expect(200, "the finished part answers this request")
}

pub(super) fn figure(reply: &Reply, name: &str) -> u64 {
    reply.json()[name].as_u64().unwrap_or_default()
}

/// Two different prices.
pub(super) fn two_prices(ctx: &CheckContext) -> (u64, u64) {
    (ctx.random_number(100, 500), ctx.random_number(500, 1000))
}
