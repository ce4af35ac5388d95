//! The settings of the replicas, and a logged-in user.

use grader::{Call, CheckContext, CheckError, CheckResult, Replica, Reply, require};
use serde_json::json;
use std::time::Duration;

/// Time that a busy machine may add to a timeout.
pub(super) const SLACK: Duration = Duration::from_secs(2);

/// Settings of the breaker: the timeout and the rest in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) limit: u64,
    pub(super) failures: u64,
    pub(super) rest: u64,
}

impl Setting {
    pub(super) fn limit(self) -> Duration {
        Duration::from_millis(self.limit)
    }

    pub(super) fn rest(self) -> Duration {
        Duration::from_millis(self.rest)
    }

    /// Starts a replica with this breaker. Its Redis is at this URL, or is the check's
    /// own.
    pub(super) async fn start(
        self,
        ctx: &CheckContext,
        redis: Option<&str>,
    ) -> Result<Replica, CheckError> {
        let numbers = [self.limit, self.failures, self.rest].map(|n| n.to_string());
        let mut args = vec!["--limit-ms", &numbers[0], "--failures", &numbers[1]];
        args.extend(["--rest-ms", &numbers[2]]);
        args.extend(redis.map(|redis| ["--redis", redis]).into_iter().flatten());
        ctx.start(&args).await
    }
}

/// A user with a session.
#[derive(Debug)]
pub(super) struct LoggedInUser<'a> {
    pub(super) ctx: &'a CheckContext,
    pub(super) at: Replica,
    pub(super) user: String,
    pub(super) id: String,
    pub(super) setting: Setting,
}

impl<'a> LoggedInUser<'a> {
    pub(super) async fn login(
        ctx: &'a CheckContext,
        at: &Replica,
        setting: Setting,
    ) -> Result<Self, CheckError> {
        let (user, id) = (ctx.random_user(), ctx.random_word());
        let client = Self { ctx, at: at.clone(), user, id, setting };
        let help = "Redis is available: its answer must be passed on";
        let reply = client.start().send().await?;
        reply.expect_unless_slow(201, setting.limit(), help)?;
        Ok(client)
    }

    pub(super) fn start(&self) -> Call {
        let call = self.ctx.post(&self.at.url(), "/api/session/start");
        call.header("X-Session-ID", &self.id).json(&json!({ "username": self.user }))
    }

    pub(super) fn read_session(&self) -> Call {
        self.ctx.get(&self.at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    pub(super) async fn is_seen(&self, help: &str) -> CheckResult {
        let reply = self.read_session().send().await?;
        // A program rightly times out a request that a busy machine delayed.
        let reply = reply.expect_unless_slow(200, self.setting.limit(), help)?;
        let expected = json!({ "username": self.user });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// Requires a 503 for a read while Redis does not answer.
    pub(super) async fn returns_503(&self) -> CheckResult {
        require_503(self.read_session().send().await?).map(drop)
    }
}

/// Requires 503 with `Retry-After`, because the session's state is unknown.
pub(super) fn require_503(reply: Reply) -> Result<Reply, CheckError> {
    let help = "Redis did not answer, so the program does not know whether the session \
                exists. 401 would be a false claim, and clients delete their id when \
                they get it. Which status means that the server has a problem and the \
                client may retry?";
    let reply = reply.expect(503, help)?;
    let after = reply.headers.get("Retry-After").and_then(|after| after.to_str().ok());
    let seconds = after.and_then(|after| after.parse::<u64>().ok());
    let actual = format!("Retry-After: {}", after.unwrap_or("(not there)"));
    let help = "a client with a Retry-After does not retry every millisecond";
    let expected = "Retry-After with a number of seconds, at least 1";
    require(seconds.is_some_and(|s| (1..=300).contains(&s)), expected, actual, help)?;
    Ok(reply)
}
