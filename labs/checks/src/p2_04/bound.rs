//! Task 1: a cache with a maximum size that evicts the least recently used entry.

use super::fixture::{
    cache, database_reads, editor, figure, read, reads_since, start, write,
};
use grader::{CheckContext, CheckError, CheckResult, Replica, require};

const CAPACITY: usize = 40;

/// Number of the newest and of the oldest entries that are read again.
const SOME: usize = 10;

pub(super) async fn the_cache_is_bounded(ctx: &CheckContext) -> CheckResult {
    let server = start(ctx, "local", &["--capacity", &CAPACITY.to_string()]).await?;
    let many = CAPACITY * 3 + ctx.random_number(0, 20) as usize;
    let made_up: Vec<_> = (0..many).map(|_| ctx.random_word()).collect();
    ask_for_all(ctx, &server, &made_up).await?;
    let reply = cache(ctx, &server).await?;
    let entries = figure(&reply, "entries");
    let help = "clients can request any name, and each is cached. Which entry is evicted \
                when the cache is full?";
    let expected = format!("at most {CAPACITY} entries");
    require(entries <= CAPACITY as u64, expected, reply.shown(), help)?;

    let newest = &made_up[many - SOME..];
    let read = reads_for(ctx, &server, newest).await?;
    let help = "the most recent reads must be cached, including items that do not exist \
                (negative caching)";
    let expected = format!("no database read for the last {SOME}");
    require(read == 0, expected, format!("{read} database reads"), help)?;
    let read = reads_for(ctx, &server, &made_up[..SOME]).await?;
    let help = "evicted entries must be removed, not only excluded from the count";
    let expected = format!("{SOME} database reads for the first {SOME}");
    require(read == SOME as u64, expected, format!("{read} database reads"), help)
}

pub(super) async fn recently_used_entries_stay(ctx: &CheckContext) -> CheckResult {
    let (server, editor) = (
        start(ctx, "local", &["--capacity", &CAPACITY.to_string()]).await?,
        editor(ctx).await?,
    );
    let popular = ctx.random_word();
    write(ctx, &editor, &popular, ctx.random_number(1, 900)).await?;
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let made_up: Vec<_> = (0..CAPACITY / 3).map(|_| ctx.random_word()).collect();
        ask_for_all(ctx, &server, &made_up).await?;
        rounds.push(reads_for(ctx, &server, std::slice::from_ref(&popular)).await?);
    }
    let again = rounds[1..].iter().fold(0, |sum: u64, one| sum.saturating_add(*one));
    let help = "one item is read all the time, many others once. Which entry should be \
                evicted first: the oldest, or the least recently used?";
    let actual = format!("{again} more");
    require(again == 0, "one database read for the frequently read item", actual, help)
}

async fn ask_for_all(ctx: &CheckContext, at: &Replica, items: &[String]) -> CheckResult {
    ctx.note(format!("{} items are read, such as {}", items.len(), items[0]));
    ctx.transcript().quiet(true);
    for item in items {
        let reply = read(ctx, at, item).await?;
        if reply.status != 404 && reply.status != 200 {
            ctx.transcript().quiet(false);
            return reply.expect(404, "this item does not exist").map(drop);
        }
    }
    ctx.transcript().quiet(false);
    Ok(())
}

/// Number of database reads when these items are read.
async fn reads_for(
    ctx: &CheckContext,
    at: &Replica,
    items: &[String],
) -> Result<u64, CheckError> {
    let before = database_reads(ctx, at).await?;
    ask_for_all(ctx, at, items).await?;
    reads_since(ctx, at, before).await
}
