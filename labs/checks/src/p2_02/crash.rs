//! A replica that is killed in the middle of an update: it can free no lock.

use super::fixture::{Session, two};
use crate::redis_probe::RedisProbe;
use client::CallError;
use futures_util::future::join;
use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, no_reply_reason};
use report::statistics::whole_millis;
use std::time::{Duration, Instant};

/// Delay of the update that the crash interrupts.
const THINK: Duration = Duration::from_secs(4);

/// Time after which the update has read the session, unless the machine is too busy.
const HAS_BEGUN: Duration = Duration::from_millis(300);

/// Maximum delay of other requests for the session, from the crash on. The README states it.
const MAX_DELAY: Duration = Duration::from_secs(3);

/// Duration from which a request for another session shows that the machine is too busy.
const BUSY: Duration = Duration::from_secs(1);

pub(super) async fn killed_replica_blocks_no_update(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let (session, other) =
        (Session::open(ctx, &r1).await?, Session::open(ctx, &r2).await?);
    let [lost, kept] = [ctx.random_word(), ctx.random_word()];
    let redis = RedisProbe::of(ctx)?;
    let before = redis.key_names().await?;
    ctx.note(format!(
        "a note that takes {} ms, and a crash meanwhile:",
        THINK.as_millis()
    ));
    let interrupted = session.note(&r1, &lost, whole_millis(THINK)).try_send();
    let (interrupted, at) = join(interrupted, crash(&r1)).await;
    if let Ok(reply) = interrupted? {
        reply.expect(201, "the session is alive and Redis is available")?;
        let why = "this machine was too busy: the note was stored before the crash";
        return Err(CheckError::inconclusive(why));
    }
    let help = "r1 was killed between reading and writing. What did it leave in Redis, and \
                how long does that delay other requests for the session?";
    let noted =
        in_time(&other, &r2, at, session.note(&r2, &kept, 0).try_send(), help).await?;
    noted.expect(201, help)?;
    session.holds(&r2, &[kept], "of the two notes, only the second was answered").await?;
    redis.new_keys_expire(&before, help).await?;
    let ended = in_time(&other, &r2, at, session.end(&r2).try_send(), help).await?;
    ended.expect(204, help)?;
    session.is_dead(&[&r2], "a logout is final, also after a crash").await
}

/// Kills the replica during the update. Returns the time of the crash.
async fn crash(replica: &Replica) -> Instant {
    tokio::time::sleep(HAS_BEGUN).await;
    replica.kill().await;
    Instant::now()
}

type Sent = Result<Result<Reply, CallError>, CheckError>;

/// The reply to a request, which must come within the maximum delay. A request for another
/// session tells a busy machine from a lock.
async fn in_time(
    other: &Session<'_>,
    at: &Replica,
    crash: Instant,
    request: impl Future<Output = Sent>,
    help: &str,
) -> Result<Reply, CheckError> {
    let limit = (crash + MAX_DELAY).saturating_duration_since(Instant::now()).max(BUSY);
    let sent = tokio::time::timeout(limit, request);
    let compared = async {
        let reply = other.note(at, "compared", 0).quiet().send().await?;
        let (sent, read) = reply.at;
        reply.expect(201, "another session can be changed meanwhile")?;
        Ok::<_, CheckError>(read - sent)
    };
    let (sent, took) = join(sent, compared).await;
    let actual = match sent {
        Ok(reply) => match reply? {
            Ok(reply) => return Ok(reply),
            Err(error) => no_reply_reason(&error),
        },
        Err(_) => "no reply yet".to_owned(),
    };
    if took? >= BUSY {
        let why = "this machine was too busy: a request for another session was slow too";
        return Err(CheckError::inconclusive(why));
    }
    let expected = format!("a reply within {} s after the crash", MAX_DELAY.as_secs());
    Err(CheckError::timed_out(expected, actual, help))
}
