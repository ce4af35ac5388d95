//! One replica at one address: how it is, what it may be sent, what it has done.

use crate::config::Checks;
use crate::health::{Finding, Health, Standing};
use crate::pool::Pool;
use crate::status::{BackendState, BackendStatus};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// One replica at one address.
#[derive(Debug)]
pub(crate) struct Backend {
    id: String,
    address: SocketAddr,
    checks: Checks,
    condition: Mutex<Condition>,
    pool: Pool,
    tally: Arc<Tally>,
    gone: CancellationToken,
}

/// What decides whether a backend gets requests.
#[derive(Debug)]
struct Condition {
    health: Health,
    /// Drained by an operator.
    drained: bool,
    since: SystemTime,
}

/// What a backend has done, under whatever address: belongs to the id.
#[derive(Debug, Default)]
struct Tally {
    in_flight: AtomicUsize,
    served: AtomicU64,
    failures: AtomicU64,
}

/// Counts a request as under way for as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Tally>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Backend {
    /// A process of which nothing is known yet.
    pub(super) fn unproven(
        id: &str,
        address: SocketAddr,
        checks: Checks,
        gone: CancellationToken,
    ) -> Self {
        let (health, since) = (Health::unknown(), SystemTime::now());
        Self {
            id: id.to_owned(),
            address,
            checks,
            condition: Mutex::new(Condition { health, drained: false, since }),
            pool: Pool::default(),
            tally: Arc::default(),
            gone,
        }
    }

    /// Goes on counting where `former`, a process of the same id, has stopped.
    pub(super) fn succeeding(mut self, former: &Self) -> Self {
        self.tally = Arc::clone(&former.tally);
        self
    }

    /// Its stable name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where this process of it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections to it that wait for a request.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// How it is checked.
    pub(crate) const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Ends when it was removed or has a new address.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Whether a client that comes for the first time may be sent here.
    pub(crate) fn takes_new_clients(&self) -> bool {
        self.state() == BackendState::Up
    }

    /// Whether a client that belongs here may be sent here. A backend that an operator
    /// drains still keeps its own: the sessions in its memory live as long as it does.
    pub(crate) fn keeps_its_clients(&self) -> bool {
        self.condition().health.standing() == Standing::Up
    }

    /// Takes in what a check or a failed connection showed.
    pub(crate) fn note(&self, finding: &Finding) {
        let mut condition = self.condition();
        if !condition.health.note(finding, &self.checks) {
            return;
        }
        condition.since = SystemTime::now();
        let standing = condition.health.standing();
        drop(condition);
        if standing != Standing::Up {
            self.pool.clear();
        }
        let (id, address) = (&self.id, &self.address);
        match finding {
            Finding::Ready => tracing::info!(id, %address, "backend {id} admitted"),
            Finding::NotReady => {
                tracing::info!(id, %address, "backend {id} wants nothing new");
            }
            Finding::Failed(reason) => {
                tracing::info!(id, %address, reason, "backend {id} ejected: {reason}");
            }
        }
    }

    /// Counts a reply.
    pub(crate) fn count_reply(&self) {
        self.tally.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that brought no reply.
    pub(crate) fn count_failure(&self) {
        self.tally.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request as under way until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.tally.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.tally))
    }

    /// Ends its checks and closes its idle connections; what is under way goes on.
    pub(super) fn leave(&self) {
        self.gone.cancel();
        self.pool.clear();
    }

    /// Refuses new clients, or takes them again.
    pub(super) fn set_drained(&self, drained: bool) {
        let mut condition = self.condition();
        if condition.drained != drained {
            condition.drained = drained;
            condition.since = SystemTime::now();
            let (id, order) = (&self.id, if drained { "drained" } else { "undrained" });
            tracing::info!(id, order, "backend {id} {order} by order");
        }
    }

    fn state(&self) -> BackendState {
        self.condition().state()
    }

    /// What the admin listener tells of it.
    pub(super) fn status(&self) -> BackendStatus {
        let condition = self.condition();
        let since = condition.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        BackendStatus {
            id: self.id.clone(),
            address: self.address,
            state: condition.state(),
            in_flight: self.tally.in_flight.load(Ordering::Relaxed),
            served: self.tally.served.load(Ordering::Relaxed),
            failures: self.tally.failures.load(Ordering::Relaxed),
            since_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    const fn state(&self) -> BackendState {
        match self.health.standing() {
            Standing::Starting => BackendState::Starting,
            Standing::Down => BackendState::Down,
            Standing::NotReady => BackendState::Draining,
            Standing::Up if self.drained => BackendState::Draining,
            Standing::Up => BackendState::Up,
        }
    }
}
