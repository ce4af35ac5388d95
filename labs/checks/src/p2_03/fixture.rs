//! A pair of tokens, as the checks use it.

use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;
use std::time::Instant;

/// A lifetime that does not pass during a check, in milliseconds.
pub(super) const LONG_MS: &str = "600000";

pub(super) async fn start(ctx: &CheckContext, mode: &str) -> Result<Replica, CheckError> {
    ctx.start(&["--revocation", mode, "--access-ms", LONG_MS]).await
}

/// A user's access token and refresh token.
pub(super) struct Pair<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) user: String,
    pub(super) access: String,
    pub(super) refresh: String,
    /// Times just before and after it was issued.
    pub(super) born: (Instant, Instant),
}

impl<'a> Pair<'a> {
    pub(super) async fn login(
        ctx: &'a CheckContext,
        at: &Replica,
        user: &str,
    ) -> Result<Self, CheckError> {
        let help =
            "a login creates a family of refresh tokens and reads the user's version";
        let reply = login(ctx, at, user).await?.expect(201, help)?;
        Self::of(ctx, user, &reply)
    }

    pub(super) fn of(
        ctx: &'a CheckContext,
        user: &str,
        reply: &Reply,
    ) -> Result<Self, CheckError> {
        Ok(Self {
            ctx,
            user: user.to_owned(),
            access: reply.field("access_token")?,
            refresh: reply.field("refresh_token")?,
            born: reply.at,
        })
    }

    pub(super) async fn whoami(&self, at: &Replica) -> Result<Reply, CheckError> {
        self.ctx.get(&at.url(), "/api/whoami").bearer(&self.access).send().await
    }

    pub(super) async fn end(
        &self,
        at: &Replica,
        path: &str,
    ) -> Result<Reply, CheckError> {
        let call = self.ctx.call(http::Method::POST, &at.url(), path);
        call.bearer(&self.access).send().await
    }

    pub(super) async fn refresh(&self, at: &Replica) -> Result<Reply, CheckError> {
        refresh(self.ctx, at, &self.refresh).await
    }

    /// Refreshes and returns the new pair.
    pub(super) async fn next(
        &self,
        at: &Replica,
        help: &str,
    ) -> Result<Self, CheckError> {
        let reply = self.refresh(at).await?.expect(200, help)?;
        Self::of(self.ctx, &self.user, &reply)
    }

    pub(super) async fn is_good(&self, at: &Replica, help: &str) -> CheckResult {
        let reply = self.whoami(at).await?.expect(200, help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    pub(super) async fn is_dead(&self, at: &Replica, help: &str) -> CheckResult {
        self.whoami(at).await?.expect(401, help).map(drop)
    }

    pub(super) async fn is_not_renewed(&self, at: &Replica, help: &str) -> CheckResult {
        self.refresh(at).await?.expect(401, help).map(drop)
    }
}

pub(super) async fn login(
    ctx: &CheckContext,
    at: &Replica,
    user: &str,
) -> Result<Reply, CheckError> {
    let login = json!({ "username": user, "password": "correct-horse" });
    ctx.post(&at.url(), "/api/login").json(&login).send().await
}

pub(super) async fn refresh(
    ctx: &CheckContext,
    at: &Replica,
    token: &str,
) -> Result<Reply, CheckError> {
    let token = json!({ "refresh_token": token });
    ctx.post(&at.url(), "/api/refresh").json(&token).send().await
}
