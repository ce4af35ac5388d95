//! Checks for `/readyz`.
//!
//! A fault of this replica alone, on its own disk or clock, makes it not ready. A fault
//! of a shared database, bucket or Redis makes it degraded: it stays ready and serves the
//! requests that it can. Otherwise the loss of one shared store would take all replicas
//! out of service.

use crate::clock::now;
use blobs::Blobs;
use cache::{BreakerState, Cache};
use http_edge::health::{Check, HealthStatus, Readiness};
use records::revocations::MAX_CLOCK_SKEW_MS;
use records::{Records, RecordsError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NO_ANSWER: &str = "does not answer";

/// Beyond this skew a replica rejects tokens just issued elsewhere and expires sessions
/// too early or too late.
const WRONG_CLOCK: &str = "differs from the records' by more than 1 s";
const _: () = assert!(MAX_CLOCK_SKEW_MS == 1_000, "update the text above");

/// The checks of this replica. The clock is compared before this returns, so no replica
/// becomes ready with an unchecked clock.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn checks(
    records: &Records,
    blobs: &Blobs,
    cache: Option<&Cache>,
) -> Result<Readiness, RecordsError> {
    let (own_records, own_files) = (!records.is_postgres(), blobs.is_local());
    let (blobs, clock) = (blobs.clone(), Clock::compared_with(records).await?);
    // One query checks both, because the answer contains the database's time.
    let (clock, reads) = (Arc::new(clock), records.clone());
    let clock_status = Arc::clone(&clock);
    let records = Check::new("records", move || {
        let (clock, records) = (Arc::clone(&clock), reads.clone());
        async move { required(clock.compare_with(&records).await.is_ok()) }
    });
    let clock = Check::new("clock", move || std::future::ready(clock_status.status()));
    let files = Check::new("files", move || {
        let blobs = blobs.clone();
        async move { required(blobs.ping().await.is_ok()) }
    });
    let mut checks = vec![
        clock,
        if own_records { records } else { records.shared() },
        if own_files { files } else { files.shared() },
    ];
    checks.extend(cache.cloned().map(|cache| {
        // Reads the state that the cache's own heartbeat keeps.
        Check::new("cache", move || {
            std::future::ready(cache_status(cache.breaker_state()))
        })
    }));
    Ok(Readiness::with_checks(checks))
}

const fn required(answers: bool) -> HealthStatus {
    if answers { HealthStatus::Healthy } else { HealthStatus::Unavailable(NO_ANSWER) }
}

/// The last result of the clock check. It stays valid while the database does not answer;
/// another check reports that.
struct Clock {
    is_right: AtomicBool,
}

impl Clock {
    async fn compared_with(records: &Records) -> Result<Self, RecordsError> {
        let clock = Self { is_right: AtomicBool::new(false) };
        clock.compare_with(records).await?;
        Ok(clock)
    }

    /// Compares with the database's clock, which all replicas share. It is read between
    /// two reads of our clock, so the check fails if the offset may exceed the limit.
    async fn compare_with(&self, records: &Records) -> Result<(), RecordsError> {
        let before = now();
        let database_time = records.now().await?;
        let skew = (database_time - before).max(now() - database_time);
        self.is_right.store(skew <= MAX_CLOCK_SKEW_MS, Ordering::Relaxed);
        Ok(())
    }

    fn status(&self) -> HealthStatus {
        match self.is_right.load(Ordering::Relaxed) {
            true => HealthStatus::Healthy,
            false => HealthStatus::Unavailable(WRONG_CLOCK),
        }
    }
}

const fn cache_status(breaker: BreakerState) -> HealthStatus {
    match breaker {
        BreakerState::Closed => HealthStatus::Healthy,
        BreakerState::HalfOpen => HealthStatus::Degraded("breaker half-open"),
        BreakerState::Open => HealthStatus::Degraded("breaker open"),
    }
}
