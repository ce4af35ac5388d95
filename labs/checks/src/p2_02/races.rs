//! Concurrent changes of one session by two replicas.
//!
//! The client can delay an update between reading and writing (`think_ms`), so these
//! races do not depend on chance. Each check verifies that the second request really fell
//! into the delay.

use super::fixture::{Session, two};
use crate::redis_probe::RedisProbe;
use futures_util::future::{join, join_all};
use grader::{CheckContext, CheckError, CheckResult, Reply, require};
use report::statistics::whole_millis;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Delay of a slow update.
const THINK: Duration = Duration::from_millis(700);

/// Time after which the slow update has read the session, unless the machine is too busy.
const HAS_BEGUN: Duration = Duration::from_millis(250);

/// Duration of the pause of a replica. It is longer than any timeout.
const FROZEN: Duration = Duration::from_millis(1500);

/// Returns an inconclusive result unless the inner request started and ended during the
/// outer one's delay.
fn require_overlap(inner: &Reply, outer: &Reply) -> CheckResult {
    let begun = inner.at.0.saturating_duration_since(outer.at.0) >= HAS_BEGUN;
    let under_way = inner.at.1.saturating_duration_since(outer.at.0) < THINK;
    if begun && under_way {
        return Ok(());
    }
    Err(CheckError::inconclusive(
        "this machine was too busy: the second request did not overlap the first",
    ))
}

/// Runs `inner` during the delay of a slow update.
async fn meanwhile<T>(
    slow: impl Future<Output = T>,
    inner: impl Future<Output = Result<Reply, CheckError>>,
) -> (T, Result<Reply, CheckError>) {
    let inner = async {
        tokio::time::sleep(HAS_BEGUN).await;
        inner.await
    };
    join(slow, inner).await
}

pub(super) async fn a_slow_update_overwrites_nothing(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let session = Session::open(ctx, &r1).await?;
    let notes = [ctx.random_word(), ctx.random_word()];
    ctx.note(format!(
        "a note that takes {} ms, and another note meanwhile:",
        whole_millis(THINK)
    ));
    let help = "between reading and writing, another request changed the session. How \
                can a write detect that the read value is outdated?";
    let lost = "Redis is available, so each note must be stored and answered with 201: \
                an update that lost a race must be retried. In which case does `update` \
                return an error?";
    let slow = session.note(&r1, &notes[0], whole_millis(THINK)).send();
    let fast = session.note(&r2, &notes[1], 0).send();
    let (slow, fast) = meanwhile(slow, fast).await;
    let (slow, fast) = (slow?.expect(201, lost)?, fast?.expect(201, lost)?);
    // An update that locks the session delays others, which is correct.
    if fast.at.1 < slow.at.1 {
        require_overlap(&fast, &slow)?;
    }
    session.holds(&r2, &notes, help).await?;
    session.holds(&r1, &notes, help).await
}

pub(super) async fn concurrent_updates_are_all_kept(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let session = Session::open(ctx, &r1).await?;
    let notes: Vec<_> =
        (0..ctx.random_number(24, 34)).map(|_| ctx.random_word()).collect();
    ctx.note(format!(
        "{} notes and as many reads at the same time, at r1 and r2",
        notes.len()
    ));
    let at = |n: usize| if n.is_multiple_of(2) { &r1 } else { &r2 };
    let adds = notes.iter().enumerate();
    let adds = adds.map(|(n, note)| session.note(at(n), note, 0).quiet().send());
    let reads = (0..notes.len()).map(|n| session.read_session(at(n)).quiet().send());
    let (added, read_results) = join(join_all(adds), join_all(reads)).await;
    let help = "which steps of an update are atomic, and what ensures that: this \
                process, this connection, or Redis?";
    let lost = "Redis is available, so each note must be stored and answered with 201: \
                an update that lost a race must be retried. In which case does `update` \
                return an error?";
    for reply in added {
        reply?.expect(201, lost)?;
    }
    for reply in read_results {
        reply?.expect(200, help)?;
    }
    let kept = session.read_session(&r2).quiet().send().await?.expect(200, help)?.json();
    let kept = kept["notes"].as_array().map_or(0, Vec::len);
    let (expected, actual) = (format!("{} notes", notes.len()), format!("{kept} notes"));
    require(kept == notes.len(), expected, actual, help)?;
    session.holds(&r1, &notes, help).await
}

pub(super) async fn logout_during_an_update_stays(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let session = Session::open(ctx, &r1).await?;
    ctx.note(format!(
        "a note that takes {} ms, and a logout meanwhile:",
        whole_millis(THINK)
    ));
    let help = "the update read an alive session and wrote it after the logout. What \
                must the write check?";
    let slow = session.note(&r1, &ctx.random_word(), whole_millis(THINK)).send();
    let (slow, end) = meanwhile(slow, session.end(&r2).send()).await;
    let end = end?.expect(204, "a logout must be answered with 204")?;
    let slow = slow?;
    session.is_dead(&[&r1, &r2], help).await?;
    if end.at.1 < slow.at.1 {
        require_overlap(&end, &slow)?;
        let help = "201 tells the client that the note is stored, but the session ended \
                    before the write";
        slow.expect(401, help)?;
    }
    Ok(())
}

/// Reading a session is a use, which writes at least its expiry.
pub(super) async fn logout_during_many_reads_stays(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    ctx.note("sessions with many concurrent reads, ended meanwhile");
    for _ in 0..12 {
        let session = Session::open_quietly(ctx, &r1).await?;
        let at = |n: usize| if n.is_multiple_of(2) { &r1 } else { &r2 };
        let over = AtomicBool::new(false);
        // Reads continue until the logout is answered, on a fast machine as well.
        let reads = (0..16).map(async |n| {
            while !over.load(Ordering::Relaxed) {
                session.read_session(at(n)).quiet().send().await?;
            }
            Ok(())
        });
        let pause = Duration::from_micros(ctx.random_number(500, 8000));
        let end = async {
            tokio::time::sleep(pause).await;
            let end = session.end(&r2).quiet().send().await;
            over.store(true, Ordering::Relaxed);
            end
        };
        let (read_results, end) = join(join_all(reads), end).await;
        end?.expect(204, "a logout must be answered with 204")?;
        read_results.into_iter().collect::<Result<Vec<()>, CheckError>>()?;
        let help = "reading a session is a use: what does it write, and what happens if \
                    the session has ended by then?";
        session.is_dead(&[&r1, &r2], help).await?;
    }
    Ok(())
}

/// A process can pause at any point for any time, because the machine is busy or a
/// virtual machine is migrated.
pub(super) async fn paused_replica_revives_nothing(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let session = Session::open(ctx, &r1).await?;
    ctx.note(format!("a note that takes {} ms; meanwhile:", whole_millis(THINK)));
    let freeze = async {
        tokio::time::sleep(HAS_BEGUN).await;
        r1.pause().await;
        let end = session.end(&r2).send().await;
        tokio::time::sleep(FROZEN).await;
        r1.resume().await;
        end
    };
    let slow = session.note(&r1, &ctx.random_word(), whole_millis(THINK)).send();
    let (slow, end) = join(slow, freeze).await;
    let (slow, end) = (slow?, end?.expect(204, "a logout must be answered with 204")?);
    let help = "r1 was paused between reading and writing, for longer than any timeout. \
                Values that it read before may be outdated, and a lock may have expired";
    session.is_dead(&[&r1, &r2], help).await?;
    if end.at.0.saturating_duration_since(slow.at.0) >= THINK {
        return Err(CheckError::inconclusive(
            "this machine was too busy: r1 was paused too late",
        ));
    }
    slow.expect(401, "the session ended before the note was written")?;
    RedisProbe::of(ctx)?.every_key_expires(help).await
}
