//! p2-02, no lost updates: sessions in Redis that two replicas change at the same time.

mod crash;
mod races;
mod time;

use crate::redis_probe::RedisProbe;
use crash::killed_replica_blocks_no_update;
use grader::{
    Call, CheckContext, CheckError, CheckResult, Replica, Reply, Suite, require, suite,
};
use http::Method;
use races::{
    a_slow_update_overwrites_nothing, concurrent_updates_are_all_kept,
    logout_during_an_update_stays, logout_during_many_reads_stays,
    paused_replica_revives_nothing,
};
use serde_json::json;
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

/// A session. Each request names its replica.
#[derive(Debug)]
struct Session<'a> {
    ctx: &'a CheckContext,
    user: String,
    id: String,
    /// The login.
    login: Reply,
}

impl<'a> Session<'a> {
    async fn open(ctx: &'a CheckContext, at: &Replica) -> Result<Self, CheckError> {
        let user = ctx.random_user();
        Self::opened(ctx, Self::login(ctx, at, &user), user).await
    }

    /// Opens one of many sessions, without transcript lines.
    async fn open_quietly(
        ctx: &'a CheckContext,
        at: &Replica,
    ) -> Result<Self, CheckError> {
        let user = ctx.random_user();
        Self::opened(ctx, Self::login(ctx, at, &user).quiet(), user).await
    }

    fn login(ctx: &CheckContext, at: &Replica, user: &str) -> Call {
        ctx.post(&at.url(), "/api/session/start").json(&json!({ "username": user }))
    }

    async fn opened(
        ctx: &'a CheckContext,
        login: Call,
        user: String,
    ) -> Result<Self, CheckError> {
        let help = "look at the program's log: why does `create` fail?";
        let login = login.send().await?.expect(201, help)?;
        let id = login.field("session_id")?;
        Ok(Self { ctx, user, id, login })
    }

    fn read_session(&self, at: &Replica) -> Call {
        self.ctx.get(&at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    /// A request to add a note. The server waits `think_ms` milliseconds between reading
    /// and writing.
    fn note(&self, at: &Replica, text: &str, think_ms: u64) -> Call {
        let mut body = json!({ "text": text });
        if think_ms > 0 {
            body["think_ms"] = think_ms.into();
        }
        let call = self.ctx.post(&at.url(), "/api/session/notes");
        call.header("X-Session-ID", &self.id).json(&body)
    }

    fn end(&self, at: &Replica) -> Call {
        let call = self.ctx.call(Method::POST, &at.url(), "/api/session/end");
        call.header("X-Session-ID", &self.id)
    }

    /// Requires that the session is alive and has this user and these notes, in any
    /// order.
    async fn holds(&self, at: &Replica, notes: &[String], help: &str) -> CheckResult {
        let reply = self.read_session(at).send().await?.expect(200, help)?;
        let seen = reply.json();
        let mut kept: Vec<String> =
            serde_json::from_value(seen["notes"].clone()).unwrap_or_default();
        let mut notes = notes.to_vec();
        kept.sort_unstable();
        notes.sort_unstable();
        let expected = json!({ "username": self.user, "notes": notes }).to_string();
        let holds = seen["username"] == self.user.as_str() && kept == notes;
        require(holds, expected, reply.shown(), help)
    }

    /// Requires that no replica accepts the id.
    async fn is_dead(&self, replicas: &[&Replica], help: &str) -> CheckResult {
        for at in replicas {
            self.read_session(at).send().await?.expect(401, help)?;
        }
        Ok(())
    }
}

async fn two(ctx: &CheckContext) -> Result<(Replica, Replica), CheckError> {
    Ok((ctx.start(&[]).await?, ctx.start(&[]).await?))
}

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
