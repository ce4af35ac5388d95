//! What this server needs to be of use, for `/readyz`.
//!
//! Without the records or the files it can answer next to nothing. Without Redis it is slow
//! and counts its limits for itself, and says so; if that made it "not ready", the end of
//! one Redis would be the end of all replicas.

use blobs::Blobs;
use cache::{BreakerState, Cache};
use http_edge::health::{Check, Readiness, Standing};
use records::Records;

const SILENT: &str = "does not answer";

/// Ready as long as these are there.
pub(crate) fn looking_at(
    records: &Records,
    blobs: &Blobs,
    cache: Option<&Cache>,
) -> Readiness {
    let (records, blobs) = (records.clone(), blobs.clone());
    let mut checks = vec![
        Check::new("records", move || {
            let records = records.clone();
            async move { needed(records.ping().await.is_ok()) }
        }),
        Check::new("files", move || {
            let blobs = blobs.clone();
            async move { needed(blobs.ping().await.is_ok()) }
        }),
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

const fn of_cache(breaker: BreakerState) -> Standing {
    match breaker {
        BreakerState::Closed => Standing::Fine,
        BreakerState::HalfOpen => Standing::Impaired("breaker half-open"),
        BreakerState::Open => Standing::Impaired("breaker open"),
    }
}
