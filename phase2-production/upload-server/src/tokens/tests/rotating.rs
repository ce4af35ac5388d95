//! Signing keys change, and nobody who holds a good token notices.

use super::rig::{Rig, alice, args, eventually, is_good, request};
use crate::config::proofs::{SigningAlgorithm, TokenArgs};
use crate::tokens::{Issued, Tokens};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;

fn quick() -> TokenArgs {
    TokenArgs { key_refresh_ms: 300, ..args() }
}

fn kid(pair: &Issued) -> String {
    let header = jsonwebtoken::decode_header(pair.access_token.expose()).unwrap();
    header.kid.unwrap()
}

fn published(replica: &Tokens) -> HashSet<String> {
    let keys = replica.jwks().keys.into_iter();
    keys.map(|key| key.common.key_id.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_have_one_key() {
    let rig = Arc::new(Rig::on_postgres_if_there_is_one().await);
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.replica(&args()).await })
        })
        .collect();
    let mut replicas = Vec::new();
    for replica in starting {
        replicas.push(replica.await.unwrap());
    }
    let pair = rig.log_in(&replicas[0]).await;
    for replica in &replicas {
        assert_eq!(published(replica), HashSet::from([kid(&pair)]));
        assert!(is_good(replica, &pair).await);
    }
}

/// Logs in on one replica and asks all of them, again and again, until it is told to stop
/// and has met two keys; says once that it has met the first.
async fn traffic(
    rig: Arc<Rig>,
    replicas: Vec<Tokens>,
    at: usize,
    begun: Arc<Barrier>,
    stop: Arc<AtomicBool>,
) -> HashSet<String> {
    let mut kids = HashSet::from([kid(&rig.log_in(&replicas[at]).await)]);
    begun.wait().await;
    while !stop.load(Ordering::Relaxed) || kids.len() < 2 {
        let pair = rig.log_in(&replicas[at]).await;
        kids.insert(kid(&pair));
        for replica in &replicas {
            assert!(is_good(replica, &pair).await, "refused in a rotation");
        }
    }
    kids
}

/// The promise of a rotation: while it happens, three replicas sign and check without a
/// pause, and no good token is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_refuses_no_good_token() {
    let rig = Arc::new(Rig::on_postgres_if_there_is_one().await);
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(rig.replica(&quick()).await);
    }
    let old = rig.log_in(&replicas[0]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(Barrier::new(4));
    let running: Vec<_> = (0..3)
        .map(|at| {
            let (rig, begun, stop) =
                (Arc::clone(&rig), Arc::clone(&begun), Arc::clone(&stop));
            tokio::spawn(traffic(rig, replicas.clone(), at, begun, stop))
        })
        .collect();
    begun.wait().await;
    let new = replicas[1].rotate(&alice(), &request()).await.unwrap();
    assert_ne!(new, kid(&old));
    for replica in &replicas {
        eventually("the new key signs", || async {
            kid(&rig.log_in(replica).await) == new
        })
        .await;
        assert!(is_good(replica, &old).await, "signed with the old key");
        assert_eq!(published(replica), HashSet::from([kid(&old), new.clone()]));
    }
    stop.store(true, Ordering::Relaxed);
    for one in running {
        let met = one.await.unwrap();
        assert_eq!(met, HashSet::from([kid(&old), new.clone()]), "traffic met both keys");
    }
}

#[tokio::test]
async fn the_old_key_ends_with_the_last_token_that_it_signed() {
    let rig = Rig::without_redis().await;
    let short = TokenArgs { token_ttl_ms: 1_000, key_refresh_ms: 100, ..args() };
    let replica = rig.replica(&short).await;
    let old = kid(&rig.log_in(&replica).await);
    let new = replica.rotate(&alice(), &request()).await.unwrap();
    assert!(published(&replica).contains(&old));
    eventually("the old key is gone", || async {
        published(&replica) == HashSet::from([new.clone()])
    })
    .await;
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_first() {
    let rig = Rig::without_redis().await;
    let (one, two) = (rig.replica(&args()).await, rig.replica(&args()).await);
    let new = one.rotate(&alice(), &request()).await.unwrap();
    assert_eq!(two.rotate(&alice(), &request()).await.unwrap(), new);
    assert_eq!(published(&two).len(), 2);
}

#[tokio::test]
async fn another_algorithm_is_a_rotation_too() {
    let rig = Rig::without_redis().await;
    let one = rig.replica(&quick()).await;
    let old = rig.log_in(&one).await;
    let rs256 = TokenArgs { signing_algorithm: SigningAlgorithm::Rs256, ..quick() };
    let two = rig.replica(&rs256).await;
    eventually("RS256 signs", || async { kid(&rig.log_in(&one).await) != kid(&old) })
        .await;
    let new = rig.log_in(&two).await;
    let header = jsonwebtoken::decode_header(new.access_token.expose()).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    for (replica, pair) in [(&one, &new), (&two, &old), (&one, &old), (&two, &new)] {
        assert!(is_good(replica, pair).await);
    }
}

#[tokio::test]
async fn keys_that_were_sealed_with_another_secret_are_refused_at_the_start() {
    let rig = Rig::without_redis().await;
    let _first = rig.replica(&args()).await;
    let other = Tokens::open(rig.records().await, None, &[8; 32], &args()).await;
    let refused = format!("{:#}", other.err().unwrap());
    assert!(refused.contains("--secret-file"), "{refused}");
}
