//! A replica with a random key and random users, and the requests of the checks.

use super::forger::Forger;
use grader::{CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// Hash rounds of a password check whose cost does not matter.
const FEW_ROUNDS: u64 = 50;

/// A user with an account.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
}

impl User {
    fn new(ctx: &CheckContext) -> Self {
        Self {
            name: ctx.random_user(),
            password: format!("{}-{}", ctx.random_word(), ctx.random_word()),
        }
    }
}

pub(super) struct Fixture<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) server: Replica,
    pub(super) key: String,
    /// Lifetime of a token, in seconds.
    pub(super) life: u64,
    pub(super) user: User,
    /// A second user with an account.
    pub(super) other: User,
}

impl<'a> Fixture<'a> {
    pub(super) async fn create(ctx: &'a CheckContext) -> Result<Self, CheckError> {
        Self::with_rounds(ctx, FEW_ROUNDS).await
    }

    /// Creates a fixture with this number of hash rounds.
    pub(super) async fn with_rounds(
        ctx: &'a CheckContext,
        rounds: u64,
    ) -> Result<Self, CheckError> {
        let key = a_key(ctx);
        let (user, other) = (User::new(ctx), User::new(ctx));
        let accounts =
            [&user, &other].map(|user| format!("{}:{}", user.name, user.password));
        let life = ctx.random_number(300, 3000);
        let server = start(ctx, &key, &accounts.join(","), life, rounds).await?;
        Ok(Self { ctx, server, key, life, user, other })
    }

    /// A replica with the same key and none of the accounts.
    pub(super) async fn a_replica_without_accounts(&self) -> Result<Replica, CheckError> {
        start(self.ctx, &self.key, "unused:account", self.life, FEW_ROUNDS).await
    }

    /// A replica with the same accounts and another key.
    pub(super) async fn a_replica_with_another_key(&self) -> Result<Replica, CheckError> {
        let account = format!("{}:{}", self.user.name, self.user.password);
        start(self.ctx, &a_key(self.ctx), &account, self.life, FEW_ROUNDS).await
    }

    /// Sends a login request.
    pub(super) async fn login(
        &self,
        name: &str,
        password: &str,
    ) -> Result<Reply, CheckError> {
        let body = json!({ "username": name, "password": password });
        self.ctx.post(&self.server.url(), "/api/login").json(&body).send().await
    }

    /// The user's token.
    pub(super) async fn log_in(&self) -> Result<String, CheckError> {
        self.log_in_as(&self.user).await
    }

    pub(super) async fn log_in_as(&self, user: &User) -> Result<String, CheckError> {
        let help = "this is the right password: `login` must return a token";
        let reply = self.login(&user.name, &user.password).await?.expect(200, help)?;
        reply.field("token")
    }

    /// A forger with a genuine token and the right key. Each forged token differs in one
    /// value, so a rejection has one reason.
    pub(super) async fn forger(&self) -> Result<Forger, CheckError> {
        Forger::like(&self.log_in().await?, &self.key)
    }

    /// Claims that the user's token must contain.
    pub(super) fn expected_claims(&self) -> [(&'static str, String); 3] {
        [
            ("sub", self.user.name.clone()),
            ("iss", "lab-login".to_owned()),
            ("aud", "lab-profile".to_owned()),
        ]
    }

    pub(super) async fn profile(
        &self,
        at: &Replica,
        token: &str,
    ) -> Result<Reply, CheckError> {
        self.ctx.get(&at.url(), "/api/profile").bearer(token).send().await
    }

    /// Requires that the token identifies the user.
    pub(super) async fn accepted(
        &self,
        at: &Replica,
        token: &str,
        help: &str,
    ) -> CheckResult {
        self.accepted_as(at, token, &self.user.name, help).await
    }

    pub(super) async fn accepted_as(
        &self,
        at: &Replica,
        token: &str,
        name: &str,
        help: &str,
    ) -> CheckResult {
        let reply = self.profile(at, token).await?.expect(200, help)?;
        let expected = json!({ "username": name });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// Requires that the token is rejected.
    pub(super) async fn refused(
        &self,
        what: &str,
        token: &str,
        help: &str,
    ) -> CheckResult {
        self.ctx.note(format!("{what}:"));
        let reply = self.profile(&self.server, token).await?;
        let expected = format!("status 401 for {what}");
        require(reply.status == 401, expected, reply.shown(), help)
    }
}

/// A random key of 35 characters.
fn a_key(ctx: &CheckContext) -> String {
    [(); 4].map(|()| ctx.random_word()).join("-")
}

async fn start(
    ctx: &CheckContext,
    key: &str,
    accounts: &str,
    life: u64,
    rounds: u64,
) -> Result<Replica, CheckError> {
    let (life, rounds) = (life.to_string(), rounds.to_string());
    let args = ["--key", key, "--accounts", accounts, "--life-s", &life];
    ctx.note(format!("with {}:", args.join(" ")));
    ctx.start(&[args.as_slice(), &["--rounds", &rounds]].concat()).await
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
