//! A key that nobody knows: looked for seldom, and doubted only while it must be.

use super::*;
use records::PoolLimits;

const TIMES: RotationTimes = RotationTimes { refresh: 1_000, longest_life: 60_000 };
const NOW: i64 = 1_000_000;

async fn ring(dir: &tempfile::TempDir) -> KeyRing {
    let url = format!("sqlite://{}/records.sqlite", dir.path().display());
    Records::migrate(&url).await.unwrap();
    let records = Records::open(&url, PoolLimits::default()).await.unwrap();
    let sealing = SealingKey::from_bytes(&[1; 32]);
    KeyRing::open(records, sealing, SigningAlgorithm::Eddsa, TIMES, NOW).await.unwrap()
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
    let new = ring.publish(SigningAlgorithm::Eddsa, Wanted::Always, NOW).await.unwrap();
    ring.refresh(NOW).await.unwrap();
    let signs = |now| ring.signer(now).unwrap().kid.clone();
    assert_eq!((signs(NOW + 1_999), signs(NOW + 2_000)), (old.clone(), new.clone()));
    let last = NOW + 2_000 + TIMES.longest_life;
    let set = ring.current();
    assert!(set.checker(&old, last).is_some(), "the last token that it signed");
    assert!(set.checker(&old, last + 2_001).is_none());
    assert!(set.checker(&new, NOW).is_some());
}
