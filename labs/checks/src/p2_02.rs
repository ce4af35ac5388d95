//! p2-02, no lost updates: sessions in Redis that two replicas change at the same time.

mod crash;
mod fixture;
mod races;
mod time;

use crate::redis_probe::RedisProbe;
use crash::killed_replica_blocks_no_update;
use fixture::{Session, two};
use grader::{CheckContext, CheckResult, Suite, suite};
use races::{
    a_slow_update_overwrites_nothing, concurrent_updates_are_all_kept,
    logout_during_an_update_stays, logout_during_many_reads_stays,
    paused_replica_revives_nothing,
};
use time::{
    absolute_timeout_ends_a_session, every_key_has_an_expiry, idle_timeout_ends_a_session,
};

pub(crate) const SUITE: Suite = suite!("p2-02-no-lost-updates":
    session_is_available_on_every_replica,
    logout_ends_the_session_on_every_replica,
    a_slow_update_overwrites_nothing,
    concurrent_updates_are_all_kept,
    logout_during_an_update_stays,
    logout_during_many_reads_stays,
    paused_replica_revives_nothing,
    killed_replica_blocks_no_update,
    every_key_has_an_expiry,
    idle_timeout_ends_a_session,
    absolute_timeout_ends_a_session,
    emptied_redis_ends_every_session,
);

async fn session_is_available_on_every_replica(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let (mine, yours) = (Session::open(ctx, &r1).await?, Session::open(ctx, &r2).await?);
    let help = "a session that one replica writes to Redis must be readable by the other";
    let note = ctx.random_word();
    mine.note(&r2, &note, 0).send().await?.expect(201, help)?;
    mine.holds(&r1, std::slice::from_ref(&note), help).await?;
    r1.kill().await;
    mine.holds(
        &r2,
        std::slice::from_ref(&note),
        "sessions must be stored in Redis, not in a replica",
    )
    .await?;
    yours.holds(&r2, &[], "each session has its own notes").await?;
    r1.restart().await?;
    mine.holds(&r1, &[note], "sessions must be stored in Redis, not in a replica")
        .await?;
    let unknown = Session { id: ctx.random_word(), ..mine };
    unknown.is_dead(&[&r1, &r2], "an id that was never created must be rejected").await
}

async fn logout_ends_the_session_on_every_replica(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let (mine, yours) = (Session::open(ctx, &r1).await?, Session::open(ctx, &r1).await?);
    let help = "after a logout no replica may accept the id";
    mine.holds(&r1, &[], help).await?;
    mine.end(&r2).send().await?.expect(204, help)?;
    mine.is_dead(&[&r1, &r2], help).await?;
    mine.note(&r1, &ctx.random_word(), 0).send().await?.expect(401, help)?;
    mine.is_dead(&[&r1, &r2], "an update of an ended session must not recreate it")
        .await?;
    mine.end(&r1).send().await?.expect(204, "a second logout is not an error")?;
    yours.holds(&r2, &[], "a logout ends one session only").await
}

/// A replica must not keep sessions in its memory, because other replicas could not end
/// them.
async fn emptied_redis_ends_every_session(ctx: &CheckContext) -> CheckResult {
    let (r1, r2) = two(ctx).await?;
    let session = Session::open(ctx, &r1).await?;
    session.holds(&r1, &[], "a new session is alive").await?;
    session.holds(&r2, &[], "a new session is alive").await?;
    RedisProbe::of(ctx)?.empty().await?;
    let help = "the sessions are in Redis, and Redis is empty: where does this replica \
                still find the session?";
    session.is_dead(&[&r1, &r2], help).await
}
