//! How long a proof is good after an administrator has said that it is not.
//!
//! The user logs in at one replica and the administrator gives the order at another, which
//! is the hard case and the common one. From before the order on, the proof is tried at
//! every replica, directly and all the time.

use crate::lane::{Accounts, Lane};
use crate::login::log_in;
use anyhow::Context;
use api_conformance::client::Client;
use api_conformance::outcome::{Broken, Outcome};
use api_conformance::proof::Proof;
use api_contract::Message;
use api_contract::files::ListQuery;
use http::{Method, StatusCode};
use serde::Serialize;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two tries at one replica.
const EVERY: Duration = Duration::from_millis(20);

/// How long the proof is tried after the order at least.
pub const WATCH: Duration = Duration::from_millis(1_500);

/// Life of an access token in the lane without lookup, so that its end can be seen.
pub const SHORT_LIFE: Duration = Duration::from_secs(2);

/// How much longer than its life such a token is watched: the server forgives clocks that
/// differ by two seconds.
const LONGER: Duration = Duration::from_secs(6);

/// What became of a revoked proof.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Revoked {
    /// Whether it was accepted before the order: otherwise nothing was shown.
    pub accepted_before: bool,
    /// How often it was accepted by requests that were sent after the order was answered.
    pub accepted_after: usize,
    /// From the answer to the order to the last request that was still accepted, in
    /// milliseconds; 0 if none was.
    pub delay_ms: f64,
    /// The replicas that accepted it to the end of the watch.
    pub still_accepted_by: Vec<String>,
}

/// One try.
#[derive(Clone, Copy, Debug)]
struct Try {
    sent: Instant,
    accepted: bool,
}

/// Users' proofs and clients, made ready.
pub(crate) struct Trial {
    replicas: Vec<(String, Client)>,
    proof: Proof,
    admin: Proof,
    order: String,
    patience: Duration,
}

impl Trial {
    /// Logs both in, each at a replica of their own.
    pub(crate) async fn prepare(
        lane: &Lane,
        accounts: &Accounts,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let replicas = lane.clients().await?;
        let [first, second, ..] = &replicas[..] else {
            anyhow::bail!("two replicas are needed to revoke at one what is at another");
        };
        let proof = log_in(&first.1, lane.contender, &accounts.revoked).await;
        let admin = log_in(&second.1, lane.contender, &accounts.admin).await;
        let user = &accounts.revoked.username;
        Ok(Self {
            proof: proof.done()?.body,
            admin: admin.done()?.body,
            order: format!("/api/admin/users/{user}/sign-out"),
            patience,
            replicas,
        })
    }

    /// Gives the order and watches.
    pub(crate) async fn run(self) -> anyhow::Result<Revoked> {
        let stop = CancellationToken::new();
        let mut probes = JoinSet::new();
        for (id, client) in &self.replicas {
            let (id, client) = (id.clone(), client.clone());
            let (proof, stop) = (self.proof.clone(), stop.clone());
            probes.spawn(async move { (id, probe(&client, &proof, &stop).await) });
        }
        tokio::time::sleep(EVERY * 5).await;
        let second = &self.replicas[1].1;
        let order = second.proven(&self.admin, Method::POST, &self.order);
        second
            .json::<Message>(order)
            .await
            .done()
            .context("the administrator's order")?;
        let answered = Instant::now();
        self.watch(answered).await?;
        stop.cancel();
        let mut tries = Vec::new();
        while let Some(probed) = probes.join_next().await {
            let (id, tried) = probed?;
            tries.push((id, tried?));
        }
        tries.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(judge(&tries, answered))
    }

    /// Until the watch is over and nobody accepts the proof, or patience ends.
    async fn watch(&self, answered: Instant) -> anyhow::Result<()> {
        tokio::time::sleep(WATCH).await;
        while answered.elapsed() < self.patience {
            let mut accepted = false;
            for (_, client) in &self.replicas {
                accepted |= accepts(client, &self.proof).await? != Some(false);
            }
            if !accepted {
                return Ok(());
            }
            tokio::time::sleep(EVERY).await;
        }
        Ok(())
    }
}

/// How long the lane without lookup is watched.
pub(crate) fn patience_without_lookup() -> Duration {
    SHORT_LIFE + LONGER
}

async fn probe(
    client: &Client,
    proof: &Proof,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Try>> {
    let mut tries = Vec::new();
    let mut over = false;
    // The last try is sent after the end of the watch: one from before it may have been
    // accepted although the proof is dead by now.
    while !over {
        over = stop.is_cancelled();
        let sent = Instant::now();
        if let Some(accepted) = accepts(client, proof).await? {
            tries.push(Try { sent, accepted });
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(tries)
}

/// [`None`] when there was no answer in time, which says nothing.
async fn accepts(client: &Client, proof: &Proof) -> anyhow::Result<Option<bool>> {
    match client.list(proof, &ListQuery::default()).await {
        Outcome::Refused(no) if no.status == StatusCode::UNAUTHORIZED => Ok(Some(false)),
        Outcome::Broken(Broken::NoAnswer(error)) if error.is_timeout() => Ok(None),
        other => other.done().map(|_| Some(true)).context("trying a proof at a replica"),
    }
}

fn judge(tries: &[(String, Vec<Try>)], answered: Instant) -> Revoked {
    let all = || tries.iter().flat_map(|(_, tries)| tries).filter(|one| one.accepted);
    let after = || all().filter(|one| one.sent > answered);
    let last = after().map(|one| one.sent - answered).max().unwrap_or_default();
    let holds = |tries: &[Try]| tries.last().is_some_and(|one| one.accepted);
    let still = tries.iter().filter(|(_, tries)| holds(tries));
    Revoked {
        accepted_before: all().any(|one| one.sent <= answered),
        accepted_after: after().count(),
        delay_ms: last.as_secs_f64() * 1_000.0,
        still_accepted_by: still.map(|(id, _)| id.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries(answered: Instant, of: &[(i64, bool)]) -> Vec<Try> {
        let at = |ms: i64| match u64::try_from(ms) {
            Ok(ms) => answered + Duration::from_millis(ms),
            Err(_) => answered - Duration::from_millis(ms.unsigned_abs()),
        };
        of.iter()
            .map(|(ms, accepted)| Try { sent: at(*ms), accepted: *accepted })
            .collect()
    }

    fn judged(of: &[&[(i64, bool)]]) -> Revoked {
        let answered = Instant::now() + Duration::from_secs(60);
        let replicas = (1..).zip(of);
        let named = replicas.map(|(one, of)| (format!("r{one}"), tries(answered, of)));
        judge(&named.collect::<Vec<_>>(), answered)
    }

    #[test]
    fn refused_with_the_first_request_after_the_answer_is_no_delay() {
        let at_once = judged(&[&[(-20, true), (5, false)], &[(-10, true), (9, false)]]);
        assert!(at_once.accepted_before);
        assert_eq!((at_once.accepted_after, at_once.delay_ms), (0, 0.0));
        assert!(at_once.still_accepted_by.is_empty());
    }

    #[test]
    fn the_last_replica_to_hear_of_it_decides() {
        let late = judged(&[&[(-20, true), (5, false)], &[(40, true), (60, false)]]);
        assert_eq!((late.accepted_after, late.delay_ms), (1, 40.0));
        assert!(late.still_accepted_by.is_empty());
    }

    #[test]
    fn a_replica_that_never_hears_of_it_is_named() {
        let never = judged(&[&[(-20, true), (5, false)], &[(40, true), (60, true)]]);
        assert_eq!(never.still_accepted_by, ["r2"]);
    }

    #[test]
    fn a_proof_that_nobody_accepted_before_shows_nothing() {
        assert!(!judged(&[&[(-20, false), (5, false)]]).accepted_before);
    }
}
