//! How long a credential stays valid after an administrator has revoked it.

use crate::configuration::{Accounts, Configuration};
use anyhow::Context;
use api_contract::Message;
use api_contract::files::ListQuery;
use client::{CallError, CallResult, Client, Credential};
use http::{Method, StatusCode};
use serde::Serialize;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Interval between two tries at one replica.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(20);

/// Minimum time of trying the credential after the revocation.
pub const MIN_OBSERVATION: Duration = Duration::from_millis(1_500);

/// Lifetime of access tokens without lookup, short enough to observe their expiry.
pub const SHORT_TOKEN_TTL: Duration = Duration::from_secs(2);

/// Additional observation after that lifetime: the server tolerates a clock skew of two
/// seconds.
const OBSERVATION_AFTER_EXPIRY: Duration = Duration::from_secs(6);

/// The observed effect of a revocation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RevocationEffect {
    /// Whether the credential was accepted before the revocation; otherwise the trial is
    /// inconclusive.
    pub accepted_before: bool,
    /// Accepted requests among those sent after the revocation was answered.
    pub accepted_after: usize,
    /// From the answer to the revocation to the last accepted request, in milliseconds; 0 if
    /// no request was accepted.
    pub delay_ms: f64,
    /// The replicas that accepted the credential until the end.
    pub still_accepted_by: Vec<String>,
}

/// One try.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    sent: Instant,
    accepted: bool,
}

/// The credentials and clients of a revocation.
pub(crate) struct RevocationTrial {
    replicas: Vec<(String, Client)>,
    credential: Credential,
    admin: Credential,
    sign_out: String,
    timeout: Duration,
}

impl RevocationTrial {
    /// Logs in the user and the administrator, each at a different replica.
    pub(crate) async fn prepare(
        configuration: &Configuration,
        accounts: &Accounts,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let replicas = configuration.clients().await?;
        let [first, second, ..] = &replicas[..] else {
            anyhow::bail!("revoking a login of another replica needs two replicas");
        };
        let scheme = configuration.design.into();
        let user_login = first.1.log_in(scheme, &accounts.revoked).await;
        let admin_login = second.1.log_in(scheme, &accounts.admin).await;
        let user = &accounts.revoked.username;
        Ok(Self {
            credential: user_login.done()?.body.credential,
            admin: admin_login.done()?.body.credential,
            sign_out: format!("/api/admin/users/{user}/sign-out"),
            timeout,
            replicas,
        })
    }

    /// Revokes and observes.
    pub(crate) async fn run(self) -> anyhow::Result<RevocationEffect> {
        let stop = CancellationToken::new();
        let mut probes = JoinSet::new();
        for (id, client) in &self.replicas {
            let (id, client) = (id.clone(), client.clone());
            let (credential, stop) = (self.credential.clone(), stop.clone());
            probes.spawn(async move { (id, probe(&client, &credential, &stop).await) });
        }
        tokio::time::sleep(ATTEMPT_INTERVAL * 5).await;
        let second = &self.replicas[1].1;
        let sign_out = second.authenticated(&self.admin, Method::POST, &self.sign_out);
        second
            .json::<Message>(sign_out)
            .await
            .done()
            .context("the administrator's order")?;
        let answered = Instant::now();
        self.observe(answered).await?;
        stop.cancel();
        let mut attempts = Vec::new();
        while let Some(probed) = probes.join_next().await {
            let (id, attempted) = probed?;
            attempts.push((id, attempted?));
        }
        attempts.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(effect_of(&attempts, answered))
    }

    /// Waits for the minimum time and until no replica accepts the credential, or until the
    /// timeout.
    async fn observe(&self, answered: Instant) -> anyhow::Result<()> {
        tokio::time::sleep(MIN_OBSERVATION).await;
        while answered.elapsed() < self.timeout {
            let mut accepted = false;
            for (_, client) in &self.replicas {
                accepted |= accepts(client, &self.credential).await? != Some(false);
            }
            if !accepted {
                return Ok(());
            }
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
        Ok(())
    }
}

/// Observation time for tokens without lookup.
pub(crate) fn timeout_without_lookup() -> Duration {
    SHORT_TOKEN_TTL + OBSERVATION_AFTER_EXPIRY
}

async fn probe(
    client: &Client,
    credential: &Credential,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    let mut stopped = false;
    // The last try must start after the end of the observation: an earlier try may have
    // been accepted before the credential became invalid.
    while !stopped {
        stopped = stop.is_cancelled();
        let sent = Instant::now();
        if let Some(accepted) = accepts(client, credential).await? {
            attempts.push(Attempt { sent, accepted });
        }
        tokio::time::sleep(ATTEMPT_INTERVAL).await;
    }
    Ok(attempts)
}

/// [`None`] on timeout, which shows neither acceptance nor refusal.
async fn accepts(
    client: &Client,
    credential: &Credential,
) -> anyhow::Result<Option<bool>> {
    match client.list(credential, &ListQuery::default()).await {
        CallResult::Refused(no) if no.status == StatusCode::UNAUTHORIZED => {
            Ok(Some(false))
        }
        CallResult::CallError(CallError::NoResponse(error)) if error.is_timeout() => {
            Ok(None)
        }
        other => {
            other.done().map(|_| Some(true)).context("trying a credential at a replica")
        }
    }
}

fn effect_of(attempts: &[(String, Vec<Attempt>)], answered: Instant) -> RevocationEffect {
    let all =
        || attempts.iter().flat_map(|(_, attempts)| attempts).filter(|one| one.accepted);
    let after = || all().filter(|one| one.sent > answered);
    let last = after().map(|one| one.sent - answered).max().unwrap_or_default();
    let holds = |attempts: &[Attempt]| attempts.last().is_some_and(|one| one.accepted);
    let still = attempts.iter().filter(|(_, attempts)| holds(attempts));
    RevocationEffect {
        accepted_before: all().any(|one| one.sent <= answered),
        accepted_after: after().count(),
        delay_ms: last.as_secs_f64() * 1_000.0,
        still_accepted_by: still.map(|(id, _)| id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(answered: Instant, of: &[(i64, bool)]) -> Vec<Attempt> {
        let at = |ms: i64| match u64::try_from(ms) {
            Ok(ms) => answered + Duration::from_millis(ms),
            Err(_) => answered - Duration::from_millis(ms.unsigned_abs()),
        };
        of.iter()
            .map(|(ms, accepted)| Attempt { sent: at(*ms), accepted: *accepted })
            .collect()
    }

    fn judged(of: &[&[(i64, bool)]]) -> RevocationEffect {
        let answered = Instant::now() + Duration::from_secs(60);
        let replicas = (1..).zip(of);
        let named = replicas.map(|(one, of)| (format!("r{one}"), attempts(answered, of)));
        effect_of(&named.collect::<Vec<_>>(), answered)
    }

    #[test]
    fn refusal_of_first_later_request_gives_zero_delay() {
        let at_once = judged(&[&[(-20, true), (5, false)], &[(-10, true), (9, false)]]);
        assert!(at_once.accepted_before);
        assert_eq!((at_once.accepted_after, at_once.delay_ms), (0, 0.0));
        assert!(at_once.still_accepted_by.is_empty());
    }

    #[test]
    fn slowest_replica_determines_the_delay() {
        let late = judged(&[&[(-20, true), (5, false)], &[(40, true), (60, false)]]);
        assert_eq!((late.accepted_after, late.delay_ms), (1, 40.0));
        assert!(late.still_accepted_by.is_empty());
    }

    #[test]
    fn replica_that_keeps_accepting_is_named() {
        let never = judged(&[&[(-20, true), (5, false)], &[(40, true), (60, true)]]);
        assert_eq!(never.still_accepted_by, ["r2"]);
    }

    #[test]
    fn credential_never_accepted_is_inconclusive() {
        assert!(!judged(&[&[(-20, false), (5, false)]]).accepted_before);
    }
}
