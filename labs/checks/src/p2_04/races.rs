//! Task 3: races between a database and a cache. Each race is forced: one replica pauses
//! at the critical point while another one works.

use super::fixture::{
    costs, database_reads, editor, read, reads_since, start, two_prices, write,
};
use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use std::time::{Duration, Instant};

/// Duration of the pause of a replica.
pub(super) const STOP: Duration = Duration::from_millis(800);

/// Maximum time to reach the critical point.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns an inconclusive result unless the quick request ended during the pause of the
/// slow one.
pub(super) fn require_overlap(slow: &Reply, quick: &Reply) -> CheckResult {
    if quick.at.1 < slow.at.0 + STOP {
        return Ok(());
    }
    Err(CheckError::inconclusive(
        "this machine was too busy: the slow request ended first",
    ))
}

/// Waits until a replica has read the database once more and pauses after it.
pub(super) async fn wait_until_read(
    ctx: &CheckContext,
    at: &Replica,
    before: u64,
) -> CheckResult {
    let deadline = Instant::now() + READ_TIMEOUT;
    ctx.transcript().quiet(true);
    let seen = loop {
        match database_reads(ctx, at).await {
            Ok(reads) if reads > before => break Ok(()),
            Ok(_) if Instant::now() > deadline => {
                break Err(CheckError::inconclusive(
                    "the slow replica did not read the database",
                ));
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(stop) => break Err(stop),
        }
    };
    ctx.transcript().quiet(false);
    seen
}

pub(super) async fn a_slow_write_leaves_no_old_price(ctx: &CheckContext) -> CheckResult {
    let stop = STOP.as_millis().to_string();
    let slow = start(ctx, "shared", &["--before-write-ms", &stop]).await?;
    let quick = start(ctx, "shared", &[]).await?;
    let editor = editor(ctx).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &editor, &item, old).await?;
    costs(ctx, &quick, &item, old, "the price is in the database").await?;
    ctx.note("r1 writes to a slow database; r2 reads meanwhile");
    ctx.transcript().quiet(true);
    let writing = write(ctx, &slow, &item, new);
    let reading = async {
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(40)).await;
            read(ctx, &quick, &item).await?;
        }
        Ok::<_, CheckError>(())
    };
    let (written, read) = tokio::join!(writing, reading);
    ctx.transcript().quiet(false);
    written?;
    read?;
    let help = "the write has been answered. In which order are the database and the \
                cache changed, and which price does a read in between store?";
    costs(ctx, &quick, &item, new, help).await?;
    costs(ctx, &slow, &item, new, help).await.map(drop)
}

pub(super) async fn last_of_two_writers_wins(ctx: &CheckContext) -> CheckResult {
    let stop = STOP.as_millis().to_string();
    let slow = start(ctx, "shared", &["--after-write-ms", &stop]).await?;
    let quick = start(ctx, "shared", &[]).await?;
    let editor = editor(ctx).await?;
    let (item, (first, last)) = (ctx.random_word(), two_prices(ctx));
    ctx.note("r1 writes and pauses before it is done; r2 writes after it");
    let second = async {
        let deadline = Instant::now() + READ_TIMEOUT;
        while read(ctx, &editor, &item).await?.status != 200 {
            if Instant::now() > deadline {
                return Err(CheckError::inconclusive(
                    "the first price was not written to the database in time",
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        write(ctx, &quick, &item, last).await
    };
    ctx.transcript().quiet(true);
    let (slow_write, quick_write) = tokio::join!(write(ctx, &slow, &item, first), second);
    ctx.transcript().quiet(false);
    require_overlap(&slow_write?, &quick_write?)?;
    let help = "which replica wrote last to the database, and which to the cache? A \
                value that is stored in the cache may be older than the one it replaces; \
                deleting the entry cannot store an old value";
    costs(ctx, &editor, &item, last, "the second price was written after the first")
        .await?;
    costs(ctx, &quick, &item, last, help).await?;
    costs(ctx, &slow, &item, last, help).await.map(drop)
}

pub(super) async fn a_slow_reader_fills_no_old_price(ctx: &CheckContext) -> CheckResult {
    let stop = STOP.as_millis().to_string();
    let slow = start(ctx, "shared", &["--after-read-ms", &stop]).await?;
    let quick = start(ctx, "shared", &[]).await?;
    let editor = editor(ctx).await?;
    let (item, (old, new)) = (ctx.random_word(), two_prices(ctx));
    write(ctx, &editor, &item, old).await?;
    ctx.note("r1 reads the database and pauses; r2 writes; r1 continues");
    let writing = async {
        wait_until_read(ctx, &slow, 0).await?;
        write(ctx, &quick, &item, new).await
    };
    let (reading, written) = tokio::join!(read(ctx, &slow, &item), writing);
    require_overlap(&reading?, &written?)?;
    let help = "r1 stored a price that it read before the write. How could r1 or Redis \
                detect, when it stores the price, that a write has happened since?";
    costs(ctx, &quick, &item, new, help).await?;
    let before = database_reads(ctx, &quick).await?;
    costs(ctx, &quick, &item, new, help).await?;
    let read = reads_since(ctx, &quick, before).await?;
    let help = "after a write, a price can be cached again";
    require(read == 0, "no database read", format!("{read} more"), help)
}
