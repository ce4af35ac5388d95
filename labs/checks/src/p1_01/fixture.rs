//! A session of a user, as the checks use it.

use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;

pub(super) const PASSWORD: &str = "correct-horse";

/// Number of concurrent requests.
pub(super) const CONCURRENT_REQUESTS: usize = 32;

/// A session and its server.
pub(super) struct Session<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) server: &'a Replica,
    pub(super) user: String,
    pub(super) id: String,
    /// The login.
    pub(super) login: Reply,
}

impl<'a> Session<'a> {
    pub(super) async fn open(
        ctx: &'a CheckContext,
        server: &'a Replica,
        user: &str,
    ) -> Result<Self, CheckError> {
        Self::open_with(ctx, server, user, None).await
    }

    /// Logs in, with the id of an older session if it is given.
    pub(super) async fn open_with(
        ctx: &'a CheckContext,
        server: &'a Replica,
        user: &str,
        old_id: Option<&str>,
    ) -> Result<Self, CheckError> {
        let login = json!({ "username": user, "password": PASSWORD });
        let mut call = ctx.post(&server.url(), "/api/session/start").json(&login);
        if let Some(old_id) = old_id {
            call = call.header("X-Session-ID", old_id);
        }
        let help = "the finished part answers a login with the right password";
        let login = call.send().await?.expect(201, help)?;
        let id = login.field("session_id")?;
        Ok(Self { ctx, server, user: user.to_owned(), id, login })
    }

    pub(super) async fn read_session(&self) -> Result<Reply, CheckError> {
        let call = self.ctx.get(&self.server.url(), "/api/session");
        call.header("X-Session-ID", &self.id).send().await
    }

    pub(super) async fn add(&self, text: &str) -> Result<Reply, CheckError> {
        let call = self.ctx.post(&self.server.url(), "/api/session/notes");
        let call = call.header("X-Session-ID", &self.id);
        call.json(&json!({ "text": text })).send().await
    }

    pub(super) async fn end(&self) -> Result<Reply, CheckError> {
        let call =
            self.ctx.call(http::Method::POST, &self.server.url(), "/api/session/end");
        call.header("X-Session-ID", &self.id).send().await
    }

    /// Requires that the session is alive and has this user and these notes.
    pub(super) async fn holds(&self, notes: &[String], help: &str) -> CheckResult {
        let reply = self.read_session().await?.expect(200, help)?;
        let expected = json!({ "username": self.user, "notes": notes });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// Requires that the id is not accepted.
    pub(super) async fn is_dead(&self, help: &str) -> CheckResult {
        self.read_session().await?.expect(401, help).map(drop)
    }
}
