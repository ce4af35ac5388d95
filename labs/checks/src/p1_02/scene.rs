//! A replica, its key and its users, all of them by chance; and the requests that every
//! check sends.

use super::forger::Forger;
use grader::{Exam, Outcome, Replica, Reply, Stop, require};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// Rounds of the password check, where its cost is no part of the question.
const FEW_ROUNDS: u64 = 50;

/// Somebody who has an account.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: String,
}

impl User {
    fn new(exam: &Exam) -> Self {
        Self { name: exam.user(), password: format!("{}-{}", exam.word(), exam.word()) }
    }
}

pub(super) struct Scene<'a> {
    pub(super) exam: &'a Exam,
    pub(super) server: Replica,
    pub(super) key: String,
    /// Seconds that a token lives.
    pub(super) life: u64,
    pub(super) user: User,
    /// Has an account as well.
    pub(super) other: User,
}

impl<'a> Scene<'a> {
    pub(super) async fn set(exam: &'a Exam) -> Result<Self, Stop> {
        Self::with_rounds(exam, FEW_ROUNDS).await
    }

    /// With a password check that is this slow.
    pub(super) async fn with_rounds(exam: &'a Exam, rounds: u64) -> Result<Self, Stop> {
        let key = a_key(exam);
        let (user, other) = (User::new(exam), User::new(exam));
        let accounts =
            [&user, &other].map(|user| format!("{}:{}", user.name, user.password));
        let life = exam.number(300, 3000);
        let server = start(exam, &key, &accounts.join(","), life, rounds).await?;
        Ok(Self { exam, server, key, life, user, other })
    }

    /// A replica that has the key, and knows nobody that the first one knows.
    pub(super) async fn a_replica_without_accounts(&self) -> Result<Replica, Stop> {
        start(self.exam, &self.key, "nobody:here", self.life, FEW_ROUNDS).await
    }

    /// A replica with the same accounts and another key.
    pub(super) async fn a_replica_with_another_key(&self) -> Result<Replica, Stop> {
        let account = format!("{}:{}", self.user.name, self.user.password);
        start(self.exam, &a_key(self.exam), &account, self.life, FEW_ROUNDS).await
    }

    /// A login, whatever comes of it.
    pub(super) async fn login(&self, name: &str, password: &str) -> Result<Reply, Stop> {
        let body = json!({ "username": name, "password": password });
        self.exam.post(&self.server.url(), "/api/login").json(&body).send().await
    }

    /// The user's token.
    pub(super) async fn log_in(&self) -> Result<String, Stop> {
        self.log_in_as(&self.user).await
    }

    pub(super) async fn log_in_as(&self, user: &User) -> Result<String, Stop> {
        let help = "this is the right password: `login` has to return a token";
        let reply = self.login(&user.name, &user.password).await?.expect(200, help)?;
        reply.field("token")
    }

    /// Makes tokens like the user's. The key is right, and so is everything that is not
    /// changed: a refusal then has one reason.
    pub(super) async fn forger(&self) -> Result<Forger, Stop> {
        Forger::like(&self.log_in().await?, &self.key)
    }

    /// What the program is told to write into the user's token.
    pub(super) fn who_and_whom(&self) -> [(&'static str, String); 3] {
        [
            ("sub", self.user.name.clone()),
            ("iss", "lab-login".to_owned()),
            ("aud", "lab-profile".to_owned()),
        ]
    }

    pub(super) async fn profile(&self, at: &Replica, token: &str) -> Result<Reply, Stop> {
        self.exam.get(&at.url(), "/api/profile").bearer(token).send().await
    }

    /// The token shows that the user is calling.
    pub(super) async fn accepted(
        &self,
        at: &Replica,
        token: &str,
        help: &str,
    ) -> Outcome {
        self.accepted_as(at, token, &self.user.name, help).await
    }

    pub(super) async fn accepted_as(
        &self,
        at: &Replica,
        token: &str,
        name: &str,
        help: &str,
    ) -> Outcome {
        let reply = self.profile(at, token).await?.expect(200, help)?;
        let expected = json!({ "username": name });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// The token shows nothing.
    pub(super) async fn refused(&self, what: &str, token: &str, help: &str) -> Outcome {
        self.exam.say(format!("{what}:"));
        let reply = self.profile(&self.server, token).await?;
        let expected = format!("status 401 for {what}");
        require(reply.status == 401, expected, reply.shown(), help)
    }
}

/// 35 letters: no key of the program's own will do.
fn a_key(exam: &Exam) -> String {
    [(); 4].map(|()| exam.word()).join("-")
}

async fn start(
    exam: &Exam,
    key: &str,
    accounts: &str,
    life: u64,
    rounds: u64,
) -> Result<Replica, Stop> {
    let (life, rounds) = (life.to_string(), rounds.to_string());
    let args = ["--key", key, "--accounts", accounts, "--life-s", &life];
    exam.say(format!("with {}:", args.join(" ")));
    exam.start(&[args.as_slice(), &["--rounds", &rounds]].concat()).await
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
