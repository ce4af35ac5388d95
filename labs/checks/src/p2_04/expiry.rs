//! Tasks 2 and 4: the time during which an old price is served after a change without a
//! message.
//!
//! An entry is filled at an unknown moment between a request and its reply. So it must be
//! present only while it is certainly young, and absent only when it is certainly
//! expired.

use super::fixture::{costs, database_reads, editor, read, two_prices, write};
use futures_util::future::try_join_all;
use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use std::time::Duration;

const TTL: Duration = Duration::from_millis(1500);

/// Pause between two reads. A read must not extend the expiry of an entry.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn old_price_expires(ctx: &CheckContext) -> CheckResult {
    let (editor, server) = (editor(ctx).await?, start(ctx, "local").await?);
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &editor, &item, old).await?;
    let filled = costs(ctx, &server, &item, old, "the price is in the database").await?;
    write(ctx, &editor, &item, new).await?;
    ctx.note("r2 gets no message about the change");
    let seen = read(ctx, &server, &item).await?;
    if seen.at.1 - filled.at.0 >= TTL {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the entry may have expired already",
        ));
    }
    let help = "a cache must not read the database for each request";
    let cents = seen.json()["cents"].as_u64();
    require(
        cents == Some(old),
        format!("{old} cents, from the cache"),
        seen.shown(),
        help,
    )?;
    ctx.transcript().quiet(true);
    let changed = wait_until_fresh(ctx, &server, (&item, new), &filled).await;
    ctx.transcript().quiet(false);
    ctx.note(changed?);
    let reads = database_reads(ctx, &server).await?;
    let help = "the two prices need one database read each; all other reads must come \
                from the cache";
    require(reads == 2, "2 database reads", format!("{reads}"), help)
}

pub(super) async fn changes_without_a_message_become_visible(
    ctx: &CheckContext,
) -> CheckResult {
    let editor = editor(ctx).await?;
    let servers = [start(ctx, "shared").await?, start(ctx, "near").await?];
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &editor, &item, old).await?;
    let mut filled = Vec::new();
    for server in &servers {
        filled
            .push(costs(ctx, server, &item, old, "the price is in the database").await?);
    }
    write(ctx, &editor, &item, new).await?;
    ctx.note("the other replicas get no message about the change");
    let waits = servers.iter().zip(&filled);
    let waits =
        waits.map(|(server, filled)| wait_until_fresh(ctx, server, (&item, new), filled));
    ctx.transcript().quiet(true);
    let changed = try_join_all(waits).await;
    ctx.transcript().quiet(false);
    changed?.into_iter().for_each(|line| ctx.note(line));
    Ok(())
}

async fn start(ctx: &CheckContext, mode: &str) -> Result<Replica, CheckError> {
    let ttl = TTL.as_millis().to_string();
    ctx.start(&["--cache", mode, "--ttl-ms", &ttl]).await
}

/// Reads until the price is new and reports the time. The old price is allowed while the
/// entry is young.
async fn wait_until_fresh(
    ctx: &CheckContext,
    at: &Replica,
    (item, new): (&str, u64),
    filled: &Reply,
) -> Result<String, CheckError> {
    loop {
        let reply =
            read(ctx, at, item).await?.expect(200, "the price is in the database")?;
        let age = reply.at.0.saturating_duration_since(filled.at.1);
        if reply.json()["cents"].as_u64() == Some(new) {
            return Ok(format!(
                "{}: the new price, {} ms later",
                at.name(),
                age.as_millis()
            ));
        }
        if age > TTL + TTL / 5 {
            let expected =
                format!("{}: {new} cents after {} ms", at.name(), TTL.as_millis());
            let help = "an entry must expire after its time to live, however often it is \
                        read. When does the time start, and what restarts it?";
            return Err(CheckError::failed(expected, reply.shown(), help));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
