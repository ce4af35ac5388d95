//! Unknown key ids: few lookups, and 503 only while the answer is unknown.

use super::*;
use crate::clock::now;
use records::PoolLimits;
use tokio::sync::oneshot;

const TIMES: RotationTimes = RotationTimes { refresh: 1_000, max_lifetime_ms: 60_000 };
const NOW: i64 = 1_000_000;

async fn ring(dir: &tempfile::TempDir) -> KeyRing {
    let url = format!("sqlite://{}/records.sqlite", dir.path().display());
    Records::migrate(&url).await.unwrap();
    let records = Records::open(&url, PoolLimits::default()).await.unwrap();
    let sealing = SealingKey::from_bytes(&[1; 32]);
    KeyRing::open(records, sealing, SigningAlgorithm::Eddsa, TIMES, || NOW).await.unwrap()
}

#[tokio::test]
async fn unknown_kids_cause_one_reload_per_minute() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    let mut reloads = 0;
    for unknown in 0..1_000 {
        let before = ring.current();
        let (after, _) = ring.refresh_for_unknown_kid(NOW + unknown * 59).await;
        reloads += usize::from(!Arc::ptr_eq(&before, &after));
    }
    assert_eq!(reloads, 1);
    let (before, (after, _)) =
        (ring.current(), ring.refresh_for_unknown_kid(NOW + 60_000).await);
    assert!(!Arc::ptr_eq(&before, &after), "no reload in the next minute");
}

#[tokio::test]
async fn unknown_kid_is_invalid_only_with_fresh_keys() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    assert!(ring.refresh_for_unknown_kid(NOW).await.1, "just loaded");
    assert!(ring.refresh_for_unknown_kid(NOW + 1_499).await.1);
    assert!(
        !ring.refresh_for_unknown_kid(NOW + 1_500).await.1,
        "another replica may have a newer key"
    );
    ring.records.close().await;
    assert!(
        !ring.refresh_for_unknown_kid(NOW + 61_000).await.1,
        "the database is closed"
    );
}

#[tokio::test]
async fn rotation_waits_for_two_reloads_and_for_token_expiry() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    let old = ring.signer(NOW).unwrap().kid.clone();
    let new =
        ring.publish(SigningAlgorithm::Eddsa, Wanted::Always, || NOW).await.unwrap();
    ring.refresh(NOW).await.unwrap();
    let signs = |now| ring.signer(now).unwrap().kid.clone();
    assert_eq!((signs(NOW + 2_999), signs(NOW + 3_000)), (old.clone(), new.clone()));
    let last = NOW + 3_000 + TIMES.max_lifetime_ms;
    let set = ring.current();
    assert!(set.verifier(&old, last).is_some(), "the last token of the old key");
    assert!(set.verifier(&old, last + 3_001).is_none());
    assert!(set.verifier(&new, NOW).is_some());
}

/// The clock advances while the database is locked and the key is not visible yet.
#[tokio::test]
async fn key_lead_begins_at_publication() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Arc::new(ring(&dir).await);
    let (locked, is_locked) = oneshot::channel();
    let (unlock, unlocked) = oneshot::channel();
    let others = ring.records.clone();
    let others = tokio::spawn(async move {
        let transaction = others.run(Scope::Housekeeping, move |_tx| {
            Box::pin(async move {
                locked.send(()).unwrap();
                unlocked.await.map_err(RecordsError::broken)
            })
        });
        transaction.await
    });
    is_locked.await.unwrap();
    let publishing = Arc::clone(&ring);
    let published = tokio::spawn(async move {
        publishing.publish(SigningAlgorithm::Eddsa, Wanted::Always, now).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen_from = now();
    unlock.send(()).unwrap();
    others.await.unwrap().unwrap();
    let kid = published.await.unwrap().unwrap();
    ring.refresh(now()).await.unwrap();
    let key = Arc::clone(ring.current().known(&kid).unwrap());
    assert!(key.signs_from >= seen_from + 3 * TIMES.refresh);
}
