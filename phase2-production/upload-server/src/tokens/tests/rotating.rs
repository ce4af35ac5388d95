//! Key rotation without refused tokens.

use super::cluster::{TestCluster, alice, args, eventually, is_valid, request};
use crate::config::credentials::{SigningAlgorithm, TokenArgs};
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
async fn replicas_started_together_share_one_key() {
    let cluster = Arc::new(TestCluster::on_best_database().await);
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let cluster = Arc::clone(&cluster);
            tokio::spawn(async move { cluster.replica(&args()).await })
        })
        .collect();
    let mut replicas = Vec::new();
    for replica in starting {
        replicas.push(replica.await.unwrap());
    }
    let pair = cluster.log_in(&replicas[0]).await;
    for replica in &replicas {
        assert_eq!(published(replica), HashSet::from([kid(&pair)]));
        assert!(is_valid(replica, &pair).await);
    }
}

/// Logs in on one replica and checks the token on all of them, until it is stopped and
/// has seen two keys. Passes the barrier after the first.
async fn traffic(
    cluster: Arc<TestCluster>,
    replicas: Vec<Tokens>,
    at: usize,
    started: Arc<Barrier>,
    stop: Arc<AtomicBool>,
) -> HashSet<String> {
    let mut kids = HashSet::from([kid(&cluster.log_in(&replicas[at]).await)]);
    started.wait().await;
    while !stop.load(Ordering::Relaxed) || kids.len() < 2 {
        let pair = cluster.log_in(&replicas[at]).await;
        kids.insert(kid(&pair));
        for replica in &replicas {
            assert!(is_valid(replica, &pair).await, "refused during the rotation");
        }
    }
    kids
}

/// During a rotation three replicas sign and verify without a pause, and no valid token
/// is refused.
#[tokio::test(flavor = "multi_thread")]
async fn rotation_refuses_no_valid_token() {
    let cluster = Arc::new(TestCluster::on_best_database().await);
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(cluster.replica(&quick()).await);
    }
    let old = cluster.log_in(&replicas[0]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let started = Arc::new(Barrier::new(4));
    let running: Vec<_> = (0..3)
        .map(|at| {
            let (cluster, started, stop) =
                (Arc::clone(&cluster), Arc::clone(&started), Arc::clone(&stop));
            tokio::spawn(traffic(cluster, replicas.clone(), at, started, stop))
        })
        .collect();
    started.wait().await;
    let new = replicas[1].rotate(&alice(), &request()).await.unwrap();
    assert_ne!(new, kid(&old));
    for replica in &replicas {
        eventually("the new key signs", || async {
            kid(&cluster.log_in(replica).await) == new
        })
        .await;
        assert!(is_valid(replica, &old).await, "signed with the old key");
        assert_eq!(published(replica), HashSet::from([kid(&old), new.clone()]));
    }
    stop.store(true, Ordering::Relaxed);
    for one in running {
        let seen = one.await.unwrap();
        assert_eq!(
            seen,
            HashSet::from([kid(&old), new.clone()]),
            "the traffic saw both keys"
        );
    }
}

#[tokio::test]
async fn old_key_retires_with_its_last_token() {
    let cluster = TestCluster::without_redis().await;
    let short = TokenArgs { token_ttl_ms: 1_000, key_refresh_ms: 100, ..args() };
    let replica = cluster.replica(&short).await;
    let old = kid(&cluster.log_in(&replica).await);
    let new = replica.rotate(&alice(), &request()).await.unwrap();
    assert!(published(&replica).contains(&old));
    eventually("the old key is gone", || async {
        published(&replica) == HashSet::from([new.clone()])
    })
    .await;
}

#[tokio::test]
async fn second_rotation_waits_for_the_first() {
    let cluster = TestCluster::without_redis().await;
    let (one, two) = (cluster.replica(&args()).await, cluster.replica(&args()).await);
    let new = one.rotate(&alice(), &request()).await.unwrap();
    assert_eq!(two.rotate(&alice(), &request()).await.unwrap(), new);
    assert_eq!(published(&two).len(), 2);
}

#[tokio::test]
async fn changing_the_algorithm_rotates_the_key() {
    let cluster = TestCluster::without_redis().await;
    let one = cluster.replica(&quick()).await;
    let old = cluster.log_in(&one).await;
    let rs256 = TokenArgs { signing_algorithm: SigningAlgorithm::Rs256, ..quick() };
    let two = cluster.replica(&rs256).await;
    eventually("RS256 signs", || async { kid(&cluster.log_in(&one).await) != kid(&old) })
        .await;
    let new = cluster.log_in(&two).await;
    let header = jsonwebtoken::decode_header(new.access_token.expose()).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::RS256);
    for (replica, pair) in [(&one, &new), (&two, &old), (&one, &old), (&two, &new)] {
        assert!(is_valid(replica, pair).await);
    }
}

#[tokio::test]
async fn keys_sealed_with_another_secret_are_refused_at_start() {
    let cluster = TestCluster::without_redis().await;
    let _first = cluster.replica(&args()).await;
    let other = Tokens::open(cluster.records().await, None, &[8; 32], &args()).await;
    let refused = format!("{:#}", other.err().unwrap());
    assert!(refused.contains("--secret-file"), "{refused}");
}
