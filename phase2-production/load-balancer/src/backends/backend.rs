//! One replica at one address: its health, its connections and its counters.

use crate::config::Checks;
use crate::health::{CheckResult, Health, HealthStatus};
use crate::metrics::{BackendMetrics, FailureReason};
use crate::pool::Pool;
use crate::status::{BackendState, BackendStatus};
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// One replica at one address.
#[derive(Debug)]
pub(crate) struct Backend {
    id: String,
    address: SocketAddr,
    checks: Checks,
    availability: Mutex<Availability>,
    pool: Pool,
    counters: Arc<Counters>,
    removed: CancellationToken,
}

/// Whether a backend gets requests.
#[derive(Debug)]
struct Availability {
    health: Health,
    /// Drained by an operator.
    drained: bool,
    since: SystemTime,
}

/// The counters of a backend id, kept when its address changes.
#[derive(Debug)]
struct Counters {
    in_flight: AtomicUsize,
    served: AtomicU64,
    failures: AtomicU64,
    metrics: BackendMetrics,
}

/// Counts a request as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Counters>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.in_flight.decrement(1.0);
    }
}

impl Backend {
    /// A backend before its first check.
    pub(super) fn unchecked(
        id: &str,
        address: SocketAddr,
        checks: Checks,
        removed: CancellationToken,
    ) -> Self {
        let (health, since) = (Health::unknown(), SystemTime::now());
        let metrics = BackendMetrics::new(id);
        let counters = Counters {
            in_flight: AtomicUsize::default(),
            served: AtomicU64::default(),
            failures: AtomicU64::default(),
            metrics,
        };
        Self {
            id: id.to_owned(),
            address,
            checks,
            availability: Mutex::new(Availability { health, drained: false, since }),
            pool: Pool::default(),
            counters: Arc::new(counters),
            removed,
        }
    }

    /// Continues the counters of `previous`, a process with the same id.
    pub(super) fn replacing(mut self, previous: &Self) -> Self {
        self.counters = Arc::clone(&previous.counters);
        self
    }

    /// The stable id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The address of this process.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The idle connections.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The settings of its checks.
    pub(crate) const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Completes when it was removed or has a new address.
    pub(crate) async fn removed(&self) {
        self.removed.cancelled().await;
    }

    /// Whether it gets new clients.
    pub(crate) fn takes_new_clients(&self) -> bool {
        self.state() == BackendState::Up
    }

    /// Whether it gets the clients with its cookie. A backend drained by command still does:
    /// the sessions in its memory live as long as its process.
    pub(crate) fn serves_own_clients(&self) -> bool {
        self.availability().health.status() == HealthStatus::Up
    }

    /// Whether no check has decided about it yet.
    pub(crate) fn is_starting(&self) -> bool {
        self.availability().health.status() == HealthStatus::Starting
    }

    /// Whether it does not answer its checks.
    pub(crate) fn is_down(&self) -> bool {
        self.availability().health.status() == HealthStatus::Down
    }

    /// Applies the result of a check or of a failed connection.
    pub(crate) fn note(&self, result: &CheckResult) {
        let mut availability = self.availability();
        if !availability.health.note(result, &self.checks) {
            return;
        }
        availability.since = SystemTime::now();
        let status = availability.health.status();
        drop(availability);
        if status != HealthStatus::Up {
            self.pool.clear();
        }
        let (id, address) = (&self.id, &self.address);
        match result {
            CheckResult::Ready => tracing::info!(id, %address, "backend {id} admitted"),
            CheckResult::NotReady => {
                tracing::info!(id, %address, "backend {id} is not ready");
            }
            CheckResult::Failed(reason) => {
                tracing::info!(id, %address, reason, "backend {id} ejected: {reason}");
            }
        }
    }

    /// Counts a response and the time to its head.
    pub(crate) fn count_response(&self, status: StatusCode, duration: Duration) {
        self.counters.served.fetch_add(1, Ordering::Relaxed);
        self.counters.metrics.count_response(status, duration);
    }

    /// Counts a request without a complete response.
    pub(crate) fn count_failure(&self, reason: FailureReason) {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        self.counters.metrics.count_failure(reason);
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        self.counters.metrics.in_flight.increment(1.0);
        InFlight(Arc::clone(&self.counters))
    }

    /// Sets the gauges that are read at a scrape.
    #[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53")]
    pub(crate) fn report(&self) {
        let metrics = &self.counters.metrics;
        metrics.up.set(f64::from(u8::from(self.takes_new_clients())));
        metrics.idle_connections.set(self.pool.len() as f64);
    }

    /// Ends its checks and closes its idle connections; requests in flight go on.
    pub(super) fn remove(&self) {
        self.removed.cancel();
        self.pool.clear();
        self.counters.metrics.up.set(0.0);
        self.counters.metrics.idle_connections.set(0.0);
    }

    /// Drains the backend by command, or ends that.
    pub(super) fn set_drained(&self, drained: bool) {
        let mut availability = self.availability();
        if availability.drained != drained {
            availability.drained = drained;
            availability.since = SystemTime::now();
            let (id, command) = (&self.id, if drained { "drained" } else { "undrained" });
            tracing::info!(id, command, "backend {id} {command} by command");
        }
    }

    fn state(&self) -> BackendState {
        self.availability().state()
    }

    /// Its status for the admin listener.
    pub(super) fn status(&self) -> BackendStatus {
        let availability = self.availability();
        let since = availability.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        BackendStatus {
            id: self.id.clone(),
            address: self.address,
            state: availability.state(),
            drained: availability.drained,
            in_flight: self.counters.in_flight.load(Ordering::Relaxed),
            served: self.counters.served.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
            since_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn availability(&self) -> MutexGuard<'_, Availability> {
        self.availability.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Availability {
    const fn state(&self) -> BackendState {
        match self.health.status() {
            HealthStatus::Starting => BackendState::Starting,
            HealthStatus::Down => BackendState::Down,
            HealthStatus::NotReady => BackendState::Draining,
            HealthStatus::Up if self.drained => BackendState::Draining,
            HealthStatus::Up => BackendState::Up,
        }
    }
}
