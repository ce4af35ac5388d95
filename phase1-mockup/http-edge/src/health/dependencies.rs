//! Health checks of a server's dependencies. Results are cached, so frequent requests to
//! `/readyz` do not load the dependencies.

use crate::time_limit::within;
use futures_util::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long results are cached. A balancer checks four times a second, and there may be
/// several balancers.
const CACHE_TTL: Duration = Duration::from_millis(250);

/// How long one check may take: less than the check timeout of a balancer.
const CHECK_TIMEOUT: Duration = Duration::from_millis(800);

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthStatus {
    /// Healthy.
    Healthy,
    /// Impaired, but the server can still serve. The text goes to any client that asks, so
    /// it names no address and no cause.
    Degraded(&'static str),
    /// Unavailable: this server cannot serve without it, while other replicas can.
    Unavailable(&'static str),
}

impl HealthStatus {
    /// The status in one or two words.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Healthy => "ok",
            Self::Degraded(text) | Self::Unavailable(text) => text,
        }
    }
}

type Probe = Arc<dyn Fn() -> BoxFuture<'static, HealthStatus> + Send + Sync>;

/// A check of one dependency.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    probe: Probe,
    shared: bool,
}

impl Check {
    /// A check of the dependency `name`, such as `records`.
    pub fn new<F>(
        name: &'static str,
        probe: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = HealthStatus> + Send + 'static,
    {
        Self { name, probe: Arc::new(move || Box::pin(probe())), shared: false }
    }

    /// Marks a dependency that all replicas share. When it is unavailable, the server stays
    /// ready and reports itself degraded: to take all replicas out would only add the
    /// requests that can be served without it to those that fail.
    #[must_use]
    pub fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    async fn run(&self) -> (&'static str, HealthStatus) {
        let status = within("readiness check", CHECK_TIMEOUT, (self.probe)()).await;
        let status = match status
            .unwrap_or(HealthStatus::Unavailable("does not answer in time"))
        {
            HealthStatus::Unavailable(text) if self.shared => {
                HealthStatus::Degraded(text)
            }
            status => status,
        };
        let up = f64::from(u8::from(status == HealthStatus::Healthy));
        metrics::gauge!("dependency_up", "dependency" => self.name).set(up);
        (self.name, status)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Check({})", self.name)
    }
}

/// The status of each dependency, by name.
pub(super) type Statuses = BTreeMap<&'static str, HealthStatus>;

/// All dependencies, with their cached statuses.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    checks: Vec<Check>,
    /// Locked during a check: concurrent requests wait for the same result.
    latest: Mutex<Option<(Instant, Statuses)>>,
}

impl Dependencies {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self { checks, latest: Mutex::default() }
    }

    /// The statuses, at most [`CACHE_TTL`] old.
    pub(super) async fn statuses(&self) -> Statuses {
        let mut latest = self.latest.lock().await;
        if let Some((at, statuses)) = &*latest
            && at.elapsed() < CACHE_TTL
        {
            return statuses.clone();
        }
        let statuses = join_all(self.checks.iter().map(Check::run)).await;
        let statuses: Statuses = statuses.into_iter().collect();
        *latest = Some((Instant::now(), statuses.clone()));
        statuses
    }
}
