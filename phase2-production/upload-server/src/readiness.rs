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
use records::ends::CLOCK_LIMIT_MS;
use records::{Records, RecordsError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SILENT: &str = "does not answer";

/// Who is further off would refuse what others have just signed, log people out, or keep in
/// who should be out.
const WRONG_CLOCK: &str = "differs from the records' by more than 1 s";
const _: () = assert!(CLOCK_LIMIT_MS == 1_000, "the text above says so");

/// Ready as long as what is its own is there, and its clock is right: that is found out
/// before this returns, so that no replica is ready whose clock nobody has looked at.
///
/// # Errors
/// When the records do not answer.
pub(crate) async fn looking_at(
    records: &Records,
    blobs: &Blobs,
    cache: Option<&Cache>,
) -> Result<Readiness, RecordsError> {
    let (own_records, own_files) = (!records.is_postgres(), blobs.is_local());
    let (blobs, clock) = (blobs.clone(), Clock::compared_with(records).await?);
    // One question for both: whoever says what time it is answers.
    let (asks, reads) = (Arc::new(clock), records.clone());
    let told = Arc::clone(&asks);
    let records = Check::new("records", move || {
        let (clock, records) = (Arc::clone(&asks), reads.clone());
        async move { needed(clock.compare_with(&records).await.is_ok()) }
    });
    let clock = Check::new("clock", move || std::future::ready(told.standing()));
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
    Ok(Readiness::looking_at(checks))
}

const fn needed(answers: bool) -> Standing {
    if answers { Standing::Fine } else { Standing::Missing(SILENT) }
}

/// What was found of this replica's clock last. While the records do not answer, which is
/// another check's business, that counts.
struct Clock {
    is_right: AtomicBool,
}

impl Clock {
    async fn compared_with(records: &Records) -> Result<Self, RecordsError> {
        let clock = Self { is_right: AtomicBool::new(false) };
        clock.compare_with(records).await?;
        Ok(clock)
    }

    /// The clock all replicas have in common is the records'. Theirs was read between two
    /// looks at ours: right is what cannot be further off than the limit.
    async fn compare_with(&self, records: &Records) -> Result<(), RecordsError> {
        let before = now();
        let theirs = records.now().await?;
        let off = (theirs - before).max(now() - theirs);
        self.is_right.store(off <= CLOCK_LIMIT_MS, Ordering::Relaxed);
        Ok(())
    }

    fn standing(&self) -> Standing {
        match self.is_right.load(Ordering::Relaxed) {
            true => Standing::Fine,
            false => Standing::Missing(WRONG_CLOCK),
        }
    }
}

const fn of_cache(breaker: BreakerState) -> Standing {
    match breaker {
        BreakerState::Closed => Standing::Fine,
        BreakerState::HalfOpen => Standing::Impaired("breaker half-open"),
        BreakerState::Open => Standing::Impaired("breaker open"),
    }
}
