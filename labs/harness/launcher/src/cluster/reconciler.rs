//! The reconciler: makes the balancer's list of backends equal to the members of the cluster.
//!
//! Each round reads the balancer's own status, compares it with what should be, and sends the
//! orders that are missing: every second, and at once after each change. A lost, late or
//! repeated order does no harm, because the next round sees its effect. Only the balancer gets
//! orders, so a replica that hangs delays no other one. While the balancer hangs or is down,
//! nothing is lost: what should be is compared when it answers again.

mod difference;

use super::shared::Shared;
use crate::balancer::{BalancerAdmin, BalancerTimeout};
use crate::member::{Member, View};
use crate::status::ProcessState;
use anyhow::bail;
use difference::{Order, ReplicaGoal, difference};
use load_balancer::status::Status;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The interval of the rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);

/// The interval while a command waits for an effect.
const WAITING_INTERVAL: Duration = Duration::from_millis(20);

/// Compares the balancer with the cluster, and publishes what the balancer answers.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) admin: BalancerAdmin,
    changed: Notify,
    waiting: AtomicUsize,
    last_round: watch::Sender<Round>,
}

/// One round. Its status is from before the orders of the round.
#[derive(Clone, Debug)]
struct Round {
    began: Instant,
    answer: Answer,
}

/// What the balancer answered.
#[derive(Clone, Debug)]
enum Answer {
    Status(Arc<Status>),
    /// No answer in time.
    Late,
    /// It cannot be reached, or answered an error.
    Failed(String),
    /// It does not run, and nothing will start it.
    Down,
}

impl Reconciler {
    pub(super) fn new(admin: BalancerAdmin) -> Self {
        let round = Round {
            began: Instant::now(),
            answer: Answer::Failed("the balancer was not asked yet".to_owned()),
        };
        Self {
            admin,
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            last_round: watch::Sender::new(round),
        }
    }

    /// Starts a round at once, because something has changed.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Waits until the balancer's status shows the effect of a command. `reached` returns
    /// what is missing.
    ///
    /// # Errors
    /// When it does not within `limit` ([`BalancerTimeout`] if it does not answer at all), or
    /// the balancer is down. The orders are repeated all the same.
    pub(super) async fn wait_for(
        &self,
        command: &str,
        limit: Duration,
        reached: impl Fn(&Status) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let _waiting = Waiting::new(&self.waiting);
        let began = Instant::now();
        let mut rounds = self.last_round.subscribe();
        self.notify();
        let mut missing = Missing::Answer;
        loop {
            let next = tokio::time::timeout_at(began + limit, rounds.changed()).await;
            let round = rounds.borrow_and_update().clone();
            if round.began >= began {
                missing = match round.answer {
                    Answer::Status(status) => match reached(&status) {
                        Ok(()) => return Ok(()),
                        Err(text) => Missing::Effect(text),
                    },
                    Answer::Late => Missing::Answer,
                    Answer::Failed(text) => Missing::Effect(text),
                    Answer::Down => bail!(BalancerDown),
                };
            }
            if next.is_err() {
                let waited = began.elapsed();
                match missing {
                    Missing::Effect(text) => bail!(text),
                    Missing::Answer => {
                        bail!(BalancerTimeout { order: command.to_owned(), waited })
                    }
                }
            }
        }
    }

    async fn round(&self, admin: Option<SocketAddr>, goals: &[ReplicaGoal]) -> Answer {
        let Some(admin) = admin else { return Answer::Down };
        let status = match self.admin.status(admin).await {
            Ok(status) => status,
            Err(error) => return Answer::of(&error),
        };
        for order in difference(&status, goals) {
            match self.send(admin, &order).await {
                // The next round tries again. The other orders would wait as long.
                Err(error) if error.is_timeout() || error.is_connect() => {
                    return Answer::of(&error);
                }
                Err(error) => tracing::warn!("{order:?} to the balancer: {error:#}"),
                Ok(()) => {}
            }
        }
        Answer::Status(Arc::new(status))
    }

    async fn send(&self, at: SocketAddr, order: &Order) -> reqwest::Result<()> {
        match order {
            Order::Put { id, address, drained } => {
                self.admin.put(at, id, *address).await?;
                // A new address is not drained.
                if *drained { self.admin.set_drained(at, id, true).await } else { Ok(()) }
            }
            Order::SetDrained { id, drained } => {
                self.admin.set_drained(at, id, *drained).await
            }
            Order::Remove { id } => self.admin.remove(at, id).await,
        }
    }
}

impl Answer {
    fn of(error: &reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Late,
            false => Self::Failed("the balancer cannot be reached".to_owned()),
        }
    }
}

/// Why a command still waits.
enum Missing {
    Answer,
    Effect(String),
}

/// The balancer does not run, and only a command starts it.
#[derive(Debug, thiserror::Error)]
#[error("the balancer is down")]
pub(super) struct BalancerDown;

/// Counts a waiting command until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reconciles for as long as the cluster lives.
pub(super) async fn run(shared: Arc<Shared>) {
    let reconciler = &shared.reconciler;
    loop {
        let began = Instant::now();
        let goals: Vec<_> =
            shared.replicas().iter().map(|replica| goal(replica)).collect();
        let balancer = shared.balancer.view();
        let answer = match balancer.admin {
            None if will_start(&balancer) => {
                Answer::Failed("the balancer is starting".to_owned())
            }
            admin => reconciler.round(admin, &goals).await,
        };
        reconciler.last_round.send_replace(Round { began, answer });
        let is_waiting = reconciler.waiting.load(Ordering::Relaxed) > 0;
        let pause = if is_waiting { WAITING_INTERVAL } else { ROUND_INTERVAL };
        let _changed_or_due =
            tokio::time::timeout(pause, reconciler.changed.notified()).await;
    }
}

fn will_start(balancer: &View) -> bool {
    matches!(balancer.state, ProcessState::Starting | ProcessState::Waiting)
}

fn goal(replica: &Member) -> ReplicaGoal {
    let view = replica.view();
    ReplicaGoal {
        id: replica.id.clone(),
        address: view.address,
        drained: view.drained,
        ended_for: view.ended_at.map(|ended| ended.elapsed()),
    }
}
