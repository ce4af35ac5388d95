//! p1-01, the life of a session: birth, growth, idle timeout, absolute timeout, death.

mod fixture;
mod ids;
mod lifetimes;

use fixture::{CONCURRENT_REQUESTS, Session};
use futures_util::stream::{self, StreamExt};
use grader::{CheckContext, CheckResult, Suite, require, suite};
use ids::ids_cannot_be_guessed;
use lifetimes::{
    absolute_timeout_ends_a_session, idle_timeout_ends_a_session,
    use_keeps_a_session_alive,
};
use serde_json::Value;

pub(crate) const SUITE: Suite = suite!("p1-01-life-of-a-session":
    a_login_opens_a_session,
    every_login_has_an_id_of_its_own,
    ids_cannot_be_guessed,
    login_ends_the_presented_session,
    a_session_grows,
    concurrent_notes_are_all_kept,
    idle_timeout_ends_a_session,
    use_keeps_a_session_alive,
    absolute_timeout_ends_a_session,
    logout_ends_the_session_on_the_server,
    a_crash_ends_every_session,
);

async fn a_login_opens_a_session(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    let help = "`start` must store the user under the id that it returns, and `look` \
                must find the user under this id";
    session.holds(&[], help).await?;
    let unknown = Session { id: ctx.random_word(), ..session };
    unknown
        .is_dead("`look` must return `None` for an id that `start` never returned")
        .await
}

async fn every_login_has_an_id_of_its_own(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let user = ctx.random_user();
    let first = Session::open(ctx, &server, &user).await?;
    let second = Session::open(ctx, &server, &user).await?;
    let help = "is the id derived from a value that both logins share?";
    let actual = format!("{} twice", first.id);
    require(first.id != second.id, "two different ids", actual, help)?;
    let help = "each login has its own session. Are sessions found by the user's name?";
    second.holds(&[], help).await?;
    first.holds(&[], help).await
}

async fn login_ends_the_presented_session(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let old_user = ctx.random_user();
    let before = Session::open(ctx, &server, &old_user).await?;
    let others = [
        Session::open(ctx, &server, &old_user).await?,
        Session::open(ctx, &server, &ctx.random_user()).await?,
    ];
    let user = ctx.random_user();
    let after = Session::open_with(ctx, &server, &user, Some(&before.id)).await?;
    let help = "an attacker may have planted the old id (session fixation): each login \
                must create a new one";
    let actual = format!("{} again", before.id);
    require(after.id != before.id, "a new id", actual, help)?;
    after.holds(&[], help).await?;
    before
        .is_dead(
            "the id that the login request contained is `old_id` in `start`. This \
                    session must end",
        )
        .await?;
    for other in others {
        let help = "only the session with the id in the login request must end";
        other.holds(&[], help).await?;
    }
    Ok(())
}

/// Two sessions of one user detect a store that finds sessions by the user.
async fn a_session_grows(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let user = ctx.random_user();
    let one = Session::open(ctx, &server, &user).await?;
    let other = Session::open(ctx, &server, &user).await?;
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ctx.random_number(4, 8) {
        let mine = ctx.random_number(0, 2) == 0;
        let (session, notes) =
            if mine { (&one, &mut ones) } else { (&other, &mut others) };
        let note = ctx.random_word();
        let help = "`add_note` adds a note to an alive session and returns the number of its \
             notes";
        let reply = session.add(&note).await?.expect(201, help)?;
        notes.push(note);
        let (count, expected) = (reply.json()["notes"].clone(), Value::from(notes.len()));
        require(count == expected, format!("notes: {expected}"), reply.shown(), help)?;
    }
    let help = "each session has its own notes, in the order of their arrival";
    one.holds(&ones, help).await?;
    other.holds(&others, help).await
}

/// Many notes, because only one in several hundred is lost if the lock is released
/// between reading and writing.
async fn concurrent_notes_are_all_kept(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    let mut notes: Vec<_> =
        (0..ctx.random_number(1_900, 2_100)).map(|_| ctx.random_word()).collect();
    ctx.note(format!("{} notes, {CONCURRENT_REQUESTS} at a time", notes.len()));
    ctx.transcript().quiet(true);
    let adding: Vec<_> = notes.iter().map(|note| session.add(note)).collect();
    let replies: Vec<_> =
        stream::iter(adding).buffer_unordered(CONCURRENT_REQUESTS).collect().await;
    let kept = session.read_session().await;
    ctx.transcript().quiet(false);
    let help = "is the lock held from reading the session until writing it?";
    for reply in replies {
        reply?.expect(201, help)?;
    }
    let kept = kept?.expect(200, help)?.json();
    let mut kept: Vec<String> =
        serde_json::from_value(kept["notes"].clone()).unwrap_or_default();
    let actual = format!("{} notes", kept.len());
    require(kept.len() == notes.len(), format!("{} notes", notes.len()), actual, help)?;
    kept.sort_unstable();
    notes.sort_unstable();
    require(kept == notes, "the notes that were sent", "others", help)
}

async fn logout_ends_the_session_on_the_server(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let user = ctx.random_user();
    let laptop = Session::open(ctx, &server, &user).await?;
    let phone = Session::open(ctx, &server, &user).await?;
    laptop.end().await?.expect(204, "the finished part answers a logout with 204")?;
    let help =
        "a copy of the id may exist after a logout. Does the server still accept it?";
    laptop.is_dead(help).await?;
    laptop.add("still here").await?.expect(401, help)?;
    phone.holds(&[], "a logout ends one session, not all sessions of the user").await
}

/// A store that survives its process is a different design and a different exercise.
async fn a_crash_ends_every_session(ctx: &CheckContext) -> CheckResult {
    let server = ctx.start(&[]).await?;
    let session = Session::open(ctx, &server, &ctx.random_user()).await?;
    session.read_session().await?.expect(200, "`look` finds a session that is alive")?;
    server.kill().await;
    server.restart().await?;
    let help = "this store is in the memory of the process. Is anything written to a \
                file, or is the user's name part of the id?";
    session.is_dead(help).await
}
