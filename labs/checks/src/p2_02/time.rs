//! Idle and absolute timeout of sessions in Redis.

use super::fixture::Session;
use crate::redis_probe::RedisProbe;
use crate::session_lifetimes::{
    HelpTexts, Limits, PlannedUse, expires_absolutely, millis, require_certain, wait,
};
use grader::{CheckContext, CheckError, CheckResult, Replica, require};
use std::time::Duration;

const IDLE: Duration = Duration::from_millis(1400);

const ABSOLUTE: Duration = Duration::from_millis(3600);

/// A timeout that does not pass during a check.
const LONG: Duration = Duration::from_mins(10);

async fn two(ctx: &CheckContext, limits: Limits) -> Result<[Replica; 2], CheckError> {
    let args = limits.args();
    let args = args.each_ref().map(String::as_str);
    Ok([ctx.start(&args).await?, ctx.start(&args).await?])
}

pub(super) async fn every_key_has_an_expiry(ctx: &CheckContext) -> CheckResult {
    let [r1, r2] = two(ctx, Limits { idle: LONG, absolute: 2 * LONG }).await?;
    let redis = RedisProbe::of(ctx)?;
    let help = "some commands remove the expiry of a key. Which one wrote this key?";
    let session = Session::open(ctx, &r1).await?;
    redis.every_key_expires("a user may never return to log out").await?;
    session.read_session(&r2).send().await?.expect(200, help)?;
    redis.every_key_expires(help).await?;
    session.note(&r2, &ctx.random_word(), 0).send().await?.expect(201, help)?;
    redis.every_key_expires(help).await?;
    session.note(&r1, &ctx.random_word(), 30).send().await?.expect(201, help)?;
    redis.every_key_expires(help).await?;
    session.read_session(&r1).send().await?.expect(200, help)?;
    session.end(&r2).send().await?.expect(204, help)?;
    redis.every_key_expires(help).await?;
    let longest = i64::try_from(2 * LONG.as_millis()).unwrap_or(i64::MAX);
    let keys = redis.keys().await?;
    let late = keys.iter().find(|(_, left)| *left > longest);
    let actual = late.map(|(key, left)| format!("{key} expires in {left} ms"));
    let expected = "no key that outlives the absolute timeout";
    require(late.is_none(), expected, actual.unwrap_or_default(), help)
}

pub(super) async fn idle_timeout_ends_a_session(ctx: &CheckContext) -> CheckResult {
    let late = Duration::from_millis(ctx.random_number(80, 300));
    let [r1, r2] = two(ctx, Limits { idle: IDLE, absolute: LONG }).await?;
    let unused = Session::open(ctx, &r1).await?;
    let session = Session::open(ctx, &r1).await?;
    let noted = session.note(&r2, &ctx.random_word(), 0).send().await?;
    require_certain(IDLE, session.login.at.0, &noted)?;
    let help = "a new session is alive during the idle timeout";
    let noted = noted.expect(201, help)?;
    wait(ctx, &noted, IDLE + late).await;
    let help = format!(
        "the idle timeout is {} ms, and the session was unused for longer",
        millis(IDLE)
    );
    session.is_dead(&[&r1, &r2], &help).await?;
    unused.is_dead(&[&r2], &help).await
}

/// First only reads, then only writes: both must count as a use.
pub(super) async fn absolute_timeout_ends_a_session(ctx: &CheckContext) -> CheckResult {
    let limits = Limits { idle: IDLE, absolute: ABSOLUTE };
    let replicas = two(ctx, limits).await?;
    let session = Session::open(ctx, &replicas[0]).await?;
    let too_early = format!(
        "the idle timeout is {} ms, and the last use was less than that ago: what does a \
         use change in Redis?",
        millis(IDLE)
    );
    let too_late = format!(
        "the absolute timeout is {} ms. A use resets the idle timeout, not this one",
        millis(ABSOLUTE)
    );
    let help_texts = HelpTexts { too_early: &too_early, too_late: &too_late };
    let (replicas, session) = (&replicas, &session);
    let use_it = |one: PlannedUse, age: Duration| async move {
        let at = &replicas[one.replica];
        Ok(match age < IDLE + IDLE / 4 {
            true => (session.read_session(at).send().await?, 200),
            false => (session.note(at, &one.note, 0).send().await?, 201),
        })
    };
    expires_absolutely(ctx, &session.login, limits, 200..350, help_texts, use_it).await
}
