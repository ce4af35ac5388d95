//! A session of a user, as the checks use it.

use grader::{Call, CheckContext, CheckError, CheckResult, Replica, Reply, require};
use http::Method;
use serde_json::json;

/// A session. Each request names its replica.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) user: String,
    pub(super) id: String,
    /// The login.
    pub(super) login: Reply,
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        ctx: &'a CheckContext,
        at: &Replica,
    ) -> Result<Self, CheckError> {
        let user = ctx.random_user();
        Self::opened(ctx, Self::login(ctx, at, &user), user).await
    }

    /// Opens one of many sessions, without transcript lines.
    pub(super) async fn open_quietly(
        ctx: &'a CheckContext,
        at: &Replica,
    ) -> Result<Self, CheckError> {
        let user = ctx.random_user();
        Self::opened(ctx, Self::login(ctx, at, &user).quiet(), user).await
    }

    pub(super) fn login(ctx: &CheckContext, at: &Replica, user: &str) -> Call {
        ctx.post(&at.url(), "/api/session/start").json(&json!({ "username": user }))
    }

    pub(super) async fn opened(
        ctx: &'a CheckContext,
        login: Call,
        user: String,
    ) -> Result<Self, CheckError> {
        let help = "look at the program's log: why does `create` fail?";
        let login = login.send().await?.expect(201, help)?;
        let id = login.field("session_id")?;
        Ok(Self { ctx, user, id, login })
    }

    pub(super) fn read_session(&self, at: &Replica) -> Call {
        self.ctx.get(&at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    /// A request to add a note. The server waits `think_ms` milliseconds between reading
    /// and writing.
    pub(super) fn note(&self, at: &Replica, text: &str, think_ms: u64) -> Call {
        let mut body = json!({ "text": text });
        if think_ms > 0 {
            body["think_ms"] = think_ms.into();
        }
        let call = self.ctx.post(&at.url(), "/api/session/notes");
        call.header("X-Session-ID", &self.id).json(&body)
    }

    pub(super) fn end(&self, at: &Replica) -> Call {
        let call = self.ctx.call(Method::POST, &at.url(), "/api/session/end");
        call.header("X-Session-ID", &self.id)
    }

    /// Requires that the session is alive and has this user and these notes, in any
    /// order.
    pub(super) async fn holds(
        &self,
        at: &Replica,
        notes: &[String],
        help: &str,
    ) -> CheckResult {
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
    pub(super) async fn is_dead(&self, replicas: &[&Replica], help: &str) -> CheckResult {
        for at in replicas {
            self.read_session(at).send().await?.expect(401, help)?;
        }
        Ok(())
    }
}

pub(super) async fn two(ctx: &CheckContext) -> Result<(Replica, Replica), CheckError> {
    Ok((ctx.start(&[]).await?, ctx.start(&[]).await?))
}
