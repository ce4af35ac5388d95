//! p2-03, revoke a token: rotation, reuse detection, a deny list, token versions, and the
//! time until a revocation is effective.

mod denied;
mod families;
mod outage;
mod refresh;
mod versions;
mod window;

use denied::{
    denied_token_is_stored_until_it_expires, logout_is_effective_on_every_replica,
    revocations_survive_restarts_of_all_replicas,
};
use families::{a_second_use_ends_the_family, redis_holds_no_refresh_token};
use grader::{
    CheckContext, CheckError, CheckResult, Replica, Reply, Suite, require, suite,
};
use outage::unknown_revocation_state_returns_503;
use refresh::{
    a_refresh_renews_a_short_life, a_refresh_token_is_good_once,
    concurrent_refreshes_have_one_winner,
};
use serde_json::json;
use std::time::Instant;
use versions::new_version_ends_all_sessions_of_a_user;
use window::the_window_is_as_long_as_stated;

pub(crate) const SUITE: Suite = suite!("p2-03-revoke-a-token":
    a_refresh_renews_a_short_life,
    a_refresh_token_is_good_once,
    concurrent_refreshes_have_one_winner,
    a_second_use_ends_the_family,
    logout_is_effective_on_every_replica,
    denied_token_is_stored_until_it_expires,
    revocations_survive_restarts_of_all_replicas,
    new_version_ends_all_sessions_of_a_user,
    the_window_is_as_long_as_stated,
    unknown_revocation_state_returns_503,
    redis_holds_no_refresh_token,
);

/// A lifetime that does not pass during a check, in milliseconds.
const LONG_MS: &str = "600000";

async fn start(ctx: &CheckContext, mode: &str) -> Result<Replica, CheckError> {
    ctx.start(&["--revocation", mode, "--access-ms", LONG_MS]).await
}

/// A user's access token and refresh token.
struct Pair<'a> {
    ctx: &'a CheckContext,
    user: String,
    access: String,
    refresh: String,
    /// Times just before and after it was issued.
    born: (Instant, Instant),
}

impl<'a> Pair<'a> {
    async fn login(
        ctx: &'a CheckContext,
        at: &Replica,
        user: &str,
    ) -> Result<Self, CheckError> {
        let help =
            "a login creates a family of refresh tokens and reads the user's version";
        let reply = login(ctx, at, user).await?.expect(201, help)?;
        Self::of(ctx, user, &reply)
    }

    fn of(ctx: &'a CheckContext, user: &str, reply: &Reply) -> Result<Self, CheckError> {
        Ok(Self {
            ctx,
            user: user.to_owned(),
            access: reply.field("access_token")?,
            refresh: reply.field("refresh_token")?,
            born: reply.at,
        })
    }

    async fn whoami(&self, at: &Replica) -> Result<Reply, CheckError> {
        self.ctx.get(&at.url(), "/api/whoami").bearer(&self.access).send().await
    }

    async fn end(&self, at: &Replica, path: &str) -> Result<Reply, CheckError> {
        let call = self.ctx.call(http::Method::POST, &at.url(), path);
        call.bearer(&self.access).send().await
    }

    async fn refresh(&self, at: &Replica) -> Result<Reply, CheckError> {
        refresh(self.ctx, at, &self.refresh).await
    }

    /// Refreshes and returns the new pair.
    async fn next(&self, at: &Replica, help: &str) -> Result<Self, CheckError> {
        let reply = self.refresh(at).await?.expect(200, help)?;
        Self::of(self.ctx, &self.user, &reply)
    }

    async fn is_good(&self, at: &Replica, help: &str) -> CheckResult {
        let reply = self.whoami(at).await?.expect(200, help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    async fn is_dead(&self, at: &Replica, help: &str) -> CheckResult {
        self.whoami(at).await?.expect(401, help).map(drop)
    }

    async fn is_not_renewed(&self, at: &Replica, help: &str) -> CheckResult {
        self.refresh(at).await?.expect(401, help).map(drop)
    }
}

async fn login(
    ctx: &CheckContext,
    at: &Replica,
    user: &str,
) -> Result<Reply, CheckError> {
    let login = json!({ "username": user, "password": "correct-horse" });
    ctx.post(&at.url(), "/api/login").json(&login).send().await
}

async fn refresh(
    ctx: &CheckContext,
    at: &Replica,
    token: &str,
) -> Result<Reply, CheckError> {
    let token = json!({ "refresh_token": token });
    ctx.post(&at.url(), "/api/refresh").json(&token).send().await
}
