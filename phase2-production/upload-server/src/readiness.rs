//! Checks for `/readyz`.
//!
//! A fault of this replica alone, on its own disk or clock, makes it not ready. A fault
//! of a shared database, bucket or Redis makes it degraded: it stays ready and serves the
//! requests that it can. Otherwise the loss of one shared store would take all replicas
//! out of service.

use crate::clock::now;
use blobs::{BlobError, Blobs};
use cache::{BreakerState, Cache};
use http_edge::descriptors::is_local_failure;
use http_edge::health::{Check, HealthStatus, Readiness};
use records::revocations::MAX_CLOCK_SKEW_MS;
use records::{Records, RecordsError, Scope};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NO_ANSWER: &str = "does not answer";
const NOT_WRITABLE: &str = "cannot be written";
const FULL: &str = "full";
const NO_DESCRIPTOR: &str = "not checked: no free descriptor";

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
    let clock = Arc::new(Clock::compared_with(records).await?);
    let clock_status = Arc::clone(&clock);
    let mut checks = vec![
        Check::new("clock", move || std::future::ready(clock_status.status())),
        records_check(records, clock).await?,
        files_check(blobs),
    ];
    checks.extend((!blobs.is_local()).then(|| scratch_check(blobs)));
    checks.extend(cache.cloned().map(|cache| {
        // Reads the state that the cache's own heartbeat keeps.
        Check::new("cache", move || {
            std::future::ready(cache_status(cache.breaker_state()))
        })
    }));
    Ok(Readiness::with_checks(checks))
}

/// One query checks the database and the clock, because the answer contains the database's
/// time. SQLite answers it without its file, so the file's folder is probed, too: a disk that
/// became read-only makes every login and write fail.
async fn records_check(
    records: &Records,
    clock: Arc<Clock>,
) -> Result<Check, RecordsError> {
    let (folder, reads) = (database_folder(records).await?, records.clone());
    let check = Check::new("records", move || {
        let (clock, reads) = (Arc::clone(&clock), reads.clone());
        let folder = folder.clone();
        async move {
            let (answer, is_writable) =
                tokio::join!(clock.compare_with(&reads), is_writable(folder.as_deref()));
            match (answer, is_writable) {
                (Err(_), _) => HealthStatus::Unavailable(NO_ANSWER),
                (Ok(()), false) => HealthStatus::Unavailable(NOT_WRITABLE),
                (Ok(()), true) => HealthStatus::Healthy,
            }
        }
    });
    Ok(if records.is_postgres() { check.shared() } else { check })
}

/// The folder of a SQLite file.
async fn database_folder(records: &Records) -> Result<Option<PathBuf>, RecordsError> {
    let file = records.read(Scope::Housekeeping, |tx| {
        Box::pin(async move { records::sqlite_file(tx).await })
    });
    Ok(file.await?.as_deref().and_then(Path::parent).map(Path::to_path_buf))
}

async fn is_writable(folder: Option<&Path>) -> bool {
    match folder {
        Some(folder) => blobs::probe_folder(folder).await.is_ok(),
        None => true,
    }
}

fn files_check(blobs: &Blobs) -> Check {
    let (is_own, blobs) = (blobs.is_local(), blobs.clone());
    let check = Check::new("files", move || {
        let blobs = blobs.clone();
        async move {
            match blobs.ping().await {
                Ok(()) => HealthStatus::Healthy,
                Err(_) => HealthStatus::Unavailable(NO_ANSWER),
            }
        }
    });
    if is_own { check } else { check.shared() }
}

/// The temporary files of uploads to a bucket, on a disk of this replica. While that disk is
/// full, the replica stays ready, because it still serves reads, deletions and small uploads.
/// A check without a free descriptor says nothing about the disk.
fn scratch_check(blobs: &Blobs) -> Check {
    let blobs = blobs.clone();
    Check::new("scratch", move || {
        let blobs = blobs.clone();
        async move {
            match blobs.check_scratch().await {
                Ok(()) => HealthStatus::Healthy,
                Err(BlobError::NoSpace(_)) => HealthStatus::Degraded(FULL),
                Err(error) if is_local_failure(&error) => {
                    HealthStatus::Degraded(NO_DESCRIPTOR)
                }
                Err(_) => HealthStatus::Unavailable(NOT_WRITABLE),
            }
        }
    })
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
        let is_right = records::clock::agree(before, database_time, now());
        self.is_right.store(is_right, Ordering::Relaxed);
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
