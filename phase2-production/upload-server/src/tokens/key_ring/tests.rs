//! Unknown key ids: few lookups, and 503 only while the answer is unknown.

use super::*;
use crate::clock::now;
use records::PoolLimits;
use tokio::sync::Notify;

const TIMES: RotationTimes =
    RotationTimes { refresh: 1_000, wanted_lead: 1, max_lifetime_ms: 60_000 };
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

/// The times are by the database's clock: that of this replica is wrong by decades.
#[tokio::test]
async fn rotation_waits_for_two_reloads_and_for_token_expiry() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    let old = ring.signer(NOW).unwrap().kid.clone();
    let before = now();
    let new = ring.publish(SigningAlgorithm::Eddsa, Wanted::Always).await.unwrap();
    let after = now();
    ring.refresh(after).await.unwrap();
    let set = ring.current();
    let from = set.known(&new).unwrap().signs_from;
    assert!((before + 3_000..=after + 3_000).contains(&from), "{before}, {from}");
    let signs = |now| ring.signer(now).unwrap().kid.clone();
    assert_eq!((signs(from - 1), signs(from)), (old.clone(), new.clone()));
    let last = from + TIMES.max_lifetime_ms;
    assert!(set.verifier(&old, last).is_some(), "the last token of the old key");
    assert!(set.verifier(&old, last + 3_001).is_none());
    assert!(set.verifier(&new, before).is_some());
}

/// The clock advances while the database is locked and the key is not visible yet.
#[tokio::test]
async fn key_lead_begins_at_publication() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Arc::new(ring(&dir).await);
    let (locked, unlock) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_locked, unlocked) = (Arc::clone(&locked), Arc::clone(&unlock));
    let others = ring.records.clone();
    let others = tokio::spawn(async move {
        let transaction = others.run(Scope::Housekeeping, move |_tx| {
            Box::pin(async move {
                locked.notify_one();
                unlocked.notified().await;
                Ok(())
            })
        });
        transaction.await
    });
    is_locked.notified().await;
    let publishing = Arc::clone(&ring);
    let published = tokio::spawn(async move {
        publishing.publish(SigningAlgorithm::Eddsa, Wanted::Always).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen_from = now();
    unlock.notify_one();
    others.await.unwrap().unwrap();
    let kid = published.await.unwrap().unwrap();
    ring.refresh(now()).await.unwrap();
    let key = Arc::clone(ring.current().known(&kid).unwrap());
    assert!(key.signs_from >= seen_from + 3 * TIMES.refresh);
}

/// An RSA key takes seconds of CPU time, so a key is made only when it will be published.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_key_is_found_before_another_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Arc::new(ring(&dir).await);
    assert_eq!(ring.keys_made.load(Ordering::Relaxed), 1);
    let rotations: Vec<_> = (0..8)
        .map(|_| {
            let ring = Arc::clone(&ring);
            tokio::spawn(async move {
                ring.publish(SigningAlgorithm::Eddsa, Wanted::Always).await
            })
        })
        .collect();
    let mut kids = std::collections::HashSet::new();
    for rotation in rotations {
        kids.insert(rotation.await.unwrap().unwrap());
    }
    assert_eq!(kids.len(), 1, "one key waits");
    assert_eq!(ring.keys_made.load(Ordering::Relaxed), 2, "keys that were made");
    let sealing = SealingKey::from_bytes(&[1; 32]);
    let records = ring.records.clone();
    let times = ring.times;
    let other = KeyRing::open(records, sealing, SigningAlgorithm::Eddsa, times, || NOW);
    let other = other.await.unwrap();
    other.publish(SigningAlgorithm::Eddsa, Wanted::Always).await.unwrap();
    assert_eq!(other.keys_made.load(Ordering::Relaxed), 0, "another replica");
}
