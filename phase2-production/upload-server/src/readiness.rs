//! What this server needs to be of use, for `/readyz`.
//!
//! What lies on this machine's own disk, or is wrong with its clock, makes this replica unable and nobody else: it is not
//! ready. A database, a bucket or a Redis is everybody's: without it the replica is degraded
//! and says so, and goes on with what it can do. If that made it "not ready", the end of one
//! store would be the end of all replicas.

use crate::clock::now;
use blobs::Blobs;
use cache::{BreakerState, Cache};
use http_edge::health::{Check, Readiness, Standing};
use records::Records;

const SILENT: &str = "does not answer";

/// Milliseconds by which this replica's clock may differ from the records'. Expiry is off by
/// as much. Who is further off would log people out, or keep in who should be out.
const CLOCK_LIMIT_MS: i64 = 10_000;
const WRONG_CLOCK: &str = "differs from the records' by more than 10 s";

/// Ready as long as what is its own is there.
pub(crate) fn looking_at(
    records: &Records,
    blobs: &Blobs,
    cache: Option<&Cache>,
) -> Readiness {
    let (own_records, own_files) = (!records.is_postgres(), blobs.is_local());
    let (records, blobs) = (records.clone(), blobs.clone());
    let theirs = records.clone();
    let clock = Check::new("clock", move || {
        let records = theirs.clone();
        async move { of_clock(&records).await }
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
/// ours, so what lies outside of those is certain. Records that do not answer are another
/// check's business.
async fn of_clock(records: &Records) -> Standing {
    let before = now();
    let Ok(theirs) = records.now().await else {
        return Standing::Fine;
    };
    let off = (before - theirs).max(theirs - now());
    if off > CLOCK_LIMIT_MS { Standing::Missing(WRONG_CLOCK) } else { Standing::Fine }
}

const fn of_cache(breaker: BreakerState) -> Standing {
    match breaker {
        BreakerState::Closed => Standing::Fine,
        BreakerState::HalfOpen => Standing::Impaired("breaker half-open"),
        BreakerState::Open => Standing::Impaired("breaker open"),
    }
}
