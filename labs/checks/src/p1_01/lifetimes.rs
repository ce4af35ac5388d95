//! Idle and absolute timeout of sessions in one process.

use super::fixture::Session;
use crate::session_lifetimes::{
    HelpTexts, Limits, expires_absolutely, millis, planned_uses, require_certain, wait,
};
use grader::{CheckContext, CheckError, CheckResult, Replica};
use std::time::Duration;

const IDLE: Duration = Duration::from_millis(1200);

const ABSOLUTE: Duration = Duration::from_millis(4000);

/// A timeout that does not pass during a check.
const LONG: Duration = Duration::from_mins(10);

async fn start(ctx: &CheckContext, absolute: Duration) -> Result<Replica, CheckError> {
    let args = Limits { idle: IDLE, absolute }.args();
    ctx.start(&args.each_ref().map(String::as_str)).await
}

pub(super) async fn idle_timeout_ends_a_session(ctx: &CheckContext) -> CheckResult {
    let late = Duration::from_millis(ctx.random_number(100, 500));
    let server = start(ctx, LONG).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    let unused = Session::open(ctx, &server, &ctx.random_user()).await?;
    let used = session.read_session().await?;
    require_certain(IDLE, session.login.at.0, &used)?;
    let used = used.expect(200, "a new session is alive")?;
    wait(ctx, &used, IDLE + late).await;
    let help = format!(
        "the idle timeout is {} ms, and the session was unused for longer. Nothing \
         happens by itself: which function compares the time of the last use with the \
         clock?",
        millis(IDLE)
    );
    session.is_dead(&help).await?;
    session.add("too late").await?.expect(401, &help)?;
    // A look may have removed the first session. Here a note is the first request.
    unused.add("too late").await?.expect(401, &help)?;
    unused.is_dead(&help).await
}

pub(super) async fn use_keeps_a_session_alive(ctx: &CheckContext) -> CheckResult {
    // First only reads, then only writes, each for longer than the idle timeout: both
    // must count as a use.
    let each = IDLE + IDLE / 4;
    let ways =
        [true, false].map(|by_reading| (by_reading, planned_uses(ctx, each, 350..600)));
    let server = start(ctx, LONG).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    let born = session.login.at.0;
    let mut last = session.login.clone();
    for (by_reading, uses) in ways {
        let began = last.at.0;
        for one in uses {
            if last.at.0.saturating_duration_since(began) >= each {
                break;
            }
            wait(ctx, &last, one.after).await;
            let (reply, status) = match by_reading {
                true => (session.read_session().await?, 200),
                false => (session.add(&one.note).await?, 201),
            };
            require_certain(IDLE, last.at.0, &reply)?;
            let help = format!(
                "the idle timeout is {} ms, and the last use was less than that ago ({} \
                 ms after the login). What does a use change in the session?",
                millis(IDLE),
                millis(last.at.0 - born)
            );
            last = reply.expect(status, &help)?;
        }
    }
    Ok(())
}

pub(super) async fn absolute_timeout_ends_a_session(ctx: &CheckContext) -> CheckResult {
    let server = start(ctx, ABSOLUTE).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    let too_late = format!(
        "the absolute timeout is {} ms. Which time does a use reset, and which not?",
        millis(ABSOLUTE)
    );
    let too_early = "neither the idle nor the absolute timeout has passed, so the session must be \
         alive";
    let help_texts = HelpTexts { too_early, too_late: &too_late };
    let limits = Limits { idle: IDLE, absolute: ABSOLUTE };
    let session = &session;
    let read_session = |_, _| async move { Ok((session.read_session().await?, 200)) };
    expires_absolutely(ctx, &session.login, limits, 350..600, help_texts, read_session)
        .await
}
