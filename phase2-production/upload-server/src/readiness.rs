//! What this server needs to be of use, for `/readyz`.
//!
//! What lies on this machine's own disk, or a clock that goes wrong, makes this replica unable
//! and nobody else: it is not ready. A database, a bucket or a Redis is everybody's: without it
//! the replica is degraded and says so, and goes on with what it can do. If that made it "not
//! ready", the end of one store would be the end of all replicas.

use crate::clock::now;
use blobs::Blobs;
use cache::{BreakerState, Cache};
use http_edge::health::{Check, Readiness, Standing};
use records::Records;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

const SILENT: &str = "does not answer";

/// Milliseconds by which this replica's clock may differ from the records'. Expiry is off by
/// as much. Who is further off would log people out, or keep in who should be out.
const CLOCK_LIMIT_MS: i64 = 10_000;
const WRONG_CLOCK: &str = "differs from the records' by more than 10 s";

/// Less than a look may take.
const CLOCK_PATIENCE: Duration = Duration::from_millis(400);

/// Ready as long as what is its own is there.
pub(crate) fn looking_at(
    records: &Records,
    blobs: &Blobs,
    cache: Option<&Cache>,
) -> Readiness {
    let (own_records, own_files) = (!records.is_postgres(), blobs.is_local());
    let (records, blobs) = (records.clone(), blobs.clone());
    let (theirs, wrong) = (records.clone(), Arc::new(AtomicBool::new(false)));
    let clock = Check::new("clock", move || {
        let (records, wrong) = (theirs.clone(), Arc::clone(&wrong));
        async move { of_clock(&records, &wrong).await }
    });
    let records = Check::new("records", move || {
        let records = records.clone();
        async move { needed(records.ping().await.is_ok()) }
    });
    let files = Check::new("files", move || {
        let blobs = blobs.clone();
        async move { needed(blobs.ping().await.is_ok()) }
    });
    let mut checks = vec![
        clock,
        if own_records { records } else { records.shared() },
        if own_files { files } else { files.shared() },
    ];
    checks.extend(cache.cloned().map(|cache| {
        // Its own heartbeat asks Redis; this only reads what that has found.
        Check::new("cache", move || std::future::ready(of_cache(cache.breaker_state())))
    }));
    Readiness::looking_at(checks)
}

const fn needed(answers: bool) -> Standing {
    if answers { Standing::Fine } else { Standing::Missing(SILENT) }
}

/// The clock all replicas have in common is the records'. Theirs was read between two looks at
/// ours, so what lies outside of those is certain. While the records do not answer, which is
/// another check's business, what was found last counts.
async fn of_clock(records: &Records, wrong: &AtomicBool) -> Standing {
    let before = now();
    if let Ok(Ok(theirs)) = timeout(CLOCK_PATIENCE, records.now()).await {
        let off = (before - theirs).max(theirs - now());
        wrong.store(off > CLOCK_LIMIT_MS, Ordering::Relaxed);
    }
    match wrong.load(Ordering::Relaxed) {
        true => Standing::Missing(WRONG_CLOCK),
        false => Standing::Fine,
    }
}

const fn of_cache(breaker: BreakerState) -> Standing {
    match breaker {
        BreakerState::Closed => Standing::Fine,
        BreakerState::HalfOpen => Standing::Impaired("breaker half-open"),
        BreakerState::Open => Standing::Impaired("breaker open"),
    }
}
