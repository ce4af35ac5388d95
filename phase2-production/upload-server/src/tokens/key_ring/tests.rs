//! A key that nobody knows: looked for seldom, and doubted only while it must be.

use super::*;
use crate::clock::now;
use records::PoolLimits;
use tokio::sync::oneshot;

const TIMES: RotationTimes = RotationTimes { refresh: 1_000, longest_life: 60_000 };
const NOW: i64 = 1_000_000;

async fn ring(dir: &tempfile::TempDir) -> KeyRing {
    let url = format!("sqlite://{}/records.sqlite", dir.path().display());
    Records::migrate(&url).await.unwrap();
    let records = Records::open(&url, PoolLimits::default()).await.unwrap();
    let sealing = SealingKey::from_bytes(&[1; 32]);
    KeyRing::open(records, sealing, SigningAlgorithm::Eddsa, TIMES, || NOW).await.unwrap()
}

#[tokio::test]
async fn a_thousand_unknown_keys_are_one_look_at_the_records_in_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    let mut looks = 0;
    for unknown in 0..1_000 {
        let before = ring.current();
        let (after, _) = ring.look_again(NOW + unknown * 59).await;
        looks += usize::from(!Arc::ptr_eq(&before, &after));
    }
    assert_eq!(looks, 1);
    let (before, (after, _)) = (ring.current(), ring.look_again(NOW + 60_000).await);
    assert!(!Arc::ptr_eq(&before, &after), "the next minute");
}

#[tokio::test]
async fn an_unknown_key_is_wrong_only_while_the_keys_were_read_lately() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    assert!(ring.look_again(NOW).await.1, "read this moment");
    assert!(ring.look_again(NOW + 1_499).await.1);
    assert!(!ring.look_again(NOW + 1_500).await.1, "another replica may know better");
    ring.records.close().await;
    assert!(!ring.look_again(NOW + 61_000).await.1, "nobody can be asked");
}

#[tokio::test]
async fn a_rotation_gives_everybody_time_to_look_twice_and_every_token_time_to_expire() {
    let dir = tempfile::tempdir().unwrap();
    let ring = ring(&dir).await;
    let old = ring.signer(NOW).unwrap().kid.clone();
    let new =
        ring.publish(SigningAlgorithm::Eddsa, Wanted::Always, || NOW).await.unwrap();
    ring.refresh(NOW).await.unwrap();
    let signs = |now| ring.signer(now).unwrap().kid.clone();
    assert_eq!((signs(NOW + 2_999), signs(NOW + 3_000)), (old.clone(), new.clone()));
    let last = NOW + 3_000 + TIMES.longest_life;
    let set = ring.current();
    assert!(set.checker(&old, last).is_some(), "the last token that it signed");
    assert!(set.checker(&old, last + 3_001).is_none());
    assert!(set.checker(&new, NOW).is_some());
}

/// Under the lock of the records the clock goes on; the key cannot be seen meanwhile.
#[tokio::test]
async fn the_lead_of_a_key_begins_when_it_can_be_published_and_not_when_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Arc::new(ring(&dir).await);
    let (locked, is_locked) = oneshot::channel();
    let (unlock, unlocked) = oneshot::channel();
    let others = ring.records.clone();
    let others = tokio::spawn(async move {
        let held = others.run(Scope::Housekeeping, move |_tx| {
            Box::pin(async move {
                locked.send(()).unwrap();
                unlocked.await.map_err(RecordsError::broken)
            })
        });
        held.await
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
