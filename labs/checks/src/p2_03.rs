//! p2-03, revoke a token: rotation, reuse, a deny list, a version for each user, and how
//! long a revoked token is accepted.

mod denied;
mod families;
mod outage;
mod refresh;
mod versions;
mod window;

use denied::{
    a_denied_token_is_remembered_until_it_expires, a_logout_counts_on_every_replica,
    what_is_revoked_survives_every_replica,
};
use families::{a_second_use_ends_the_family, redis_holds_no_refresh_token};
use grader::client::Reply;
use grader::{Exam, Outcome, Replica, Stop, Suite, require, suite};
use outage::what_cannot_be_known_is_not_answered;
use refresh::{
    a_refresh_renews_a_short_life, a_refresh_token_is_good_once,
    of_refreshes_at_once_one_wins,
};
use serde_json::json;
use std::time::Instant;
use versions::one_number_ends_everything_of_a_user;
use window::the_window_is_as_long_as_stated;

pub(crate) const SUITE: Suite = suite!("p2-03-revoke-a-token":
    a_refresh_renews_a_short_life,
    a_refresh_token_is_good_once,
    of_refreshes_at_once_one_wins,
    a_second_use_ends_the_family,
    a_logout_counts_on_every_replica,
    a_denied_token_is_remembered_until_it_expires,
    what_is_revoked_survives_every_replica,
    one_number_ends_everything_of_a_user,
    the_window_is_as_long_as_stated,
    what_cannot_be_known_is_not_answered,
    redis_holds_no_refresh_token,
);

/// Long enough to be no part of what is checked.
const FOR_EVER: &str = "600000";

async fn start(exam: &Exam, mode: &str) -> Result<Replica, Stop> {
    exam.start(&["--revocation", mode, "--access-ms", FOR_EVER]).await
}

/// Somebody's pair of tokens.
struct Pair<'a> {
    exam: &'a Exam,
    user: String,
    access: String,
    refresh: String,
    /// Before and after it was made.
    born: (Instant, Instant),
}

impl<'a> Pair<'a> {
    async fn login(exam: &'a Exam, at: &Replica, user: &str) -> Result<Self, Stop> {
        let help =
            "a login writes a family of refresh tokens, and asks for the user's version";
        let reply = login(exam, at, user).await?.expect(201, help)?;
        Self::of(exam, user, &reply)
    }

    fn of(exam: &'a Exam, user: &str, reply: &Reply) -> Result<Self, Stop> {
        Ok(Self {
            exam,
            user: user.to_owned(),
            access: reply.field("access_token")?,
            refresh: reply.field("refresh_token")?,
            born: reply.at,
        })
    }

    async fn whoami(&self, at: &Replica) -> Result<Reply, Stop> {
        self.exam.get(&at.url(), "/api/whoami").bearer(&self.access).send().await
    }

    async fn end(&self, at: &Replica, path: &str) -> Result<Reply, Stop> {
        let call = self.exam.call(http::Method::POST, &at.url(), path);
        call.bearer(&self.access).send().await
    }

    async fn refresh(&self, at: &Replica) -> Result<Reply, Stop> {
        refresh(self.exam, at, &self.refresh).await
    }

    /// The pair that comes next.
    async fn next(&self, at: &Replica, help: &str) -> Result<Self, Stop> {
        let reply = self.refresh(at).await?.expect(200, help)?;
        Self::of(self.exam, &self.user, &reply)
    }

    async fn is_good(&self, at: &Replica, help: &str) -> Outcome {
        let reply = self.whoami(at).await?.expect(200, help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    async fn is_dead(&self, at: &Replica, help: &str) -> Outcome {
        self.whoami(at).await?.expect(401, help).map(drop)
    }

    async fn is_not_renewed(&self, at: &Replica, help: &str) -> Outcome {
        self.refresh(at).await?.expect(401, help).map(drop)
    }
}

async fn login(exam: &Exam, at: &Replica, user: &str) -> Result<Reply, Stop> {
    let login = json!({ "username": user, "password": "correct-horse" });
    exam.post(&at.url(), "/api/login").json(&login).send().await
}

async fn refresh(exam: &Exam, at: &Replica, token: &str) -> Result<Reply, Stop> {
    let token = json!({ "refresh_token": token });
    exam.post(&at.url(), "/api/refresh").json(&token).send().await
}
