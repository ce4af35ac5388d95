//! Key rotation without refused tokens.

use super::cluster::{
    MAX_FAMILIES, TestCluster, alice, args, eventually, is_valid, request,
};
use crate::config::credentials::{SigningAlgorithm, TokenArgs};
use crate::tokens::{Issued, Tokens};
use records::signing_keys::SigningKey;
use records::{Member, Scope, audit, signing_keys, users};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;

fn quick() -> TokenArgs {
    TokenArgs { key_refresh_ms: 300, key_lead_ms: 1, ..args() }
}

fn kid(pair: &Issued) -> String {
    let header = jsonwebtoken::decode_header(pair.access_token.expose()).unwrap();
    header.kid.unwrap()
}

fn published(replica: &Tokens) -> HashSet<String> {
    let keys = replica.jwks().keys.into_iter();
    keys.map(|key| key.common.key_id.unwrap()).collect()
}

/// Rotates the keys as an operator.
async fn rotate(replica: &Tokens) -> String {
    replica.rotate(&alice(), &request()).await.unwrap().expect("an operator")
}

/// The keys in the database.
async fn stored_keys(cluster: &TestCluster) -> Vec<SigningKey> {
    let records = cluster.records().await;
    let keys = records.read(Scope::Housekeeping, |tx| {
        Box::pin(async move { signing_keys::list(tx).await })
    });
    keys.await.unwrap()
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
    let new = rotate(&replicas[1]).await;
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
    let short = TokenArgs { token_ttl_ms: 1_000, key_refresh_ms: 100, ..quick() };
    let replica = cluster.replica(&short).await;
    let old = kid(&cluster.log_in(&replica).await);
    let new = rotate(&replica).await;
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
    let new = rotate(&one).await;
    assert_eq!(rotate(&two).await, new);
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
    let first = cluster.replica(&args()).await;
    let keys = stored_keys(&cluster).await;
    for signing_algorithm in [SigningAlgorithm::Eddsa, SigningAlgorithm::Rs256] {
        let records = cluster.records().await;
        let args = TokenArgs { signing_algorithm, ..args() };
        let other = Tokens::open(records, None, &[8; 32], &args, MAX_FAMILIES).await;
        let refused = format!("{:#}", other.err().unwrap());
        assert!(refused.contains("--secret-file"), "{refused}");
        assert_eq!(stored_keys(&cluster).await, keys, "{signing_algorithm:?}");
    }
    let (ring, now) = (&first.0.ring, crate::clock::now());
    ring.refresh(now).await.unwrap();
    assert!(ring.signer(now + 300_000).is_ok(), "the first replica still signs");
}

/// The role is read in the transaction that adds the key, so its audit entry is as well.
#[tokio::test(flavor = "multi_thread")]
async fn former_operator_rotates_no_key() {
    let cluster = TestCluster::on_best_database().await;
    let replica = cluster.replica(&args()).await;
    let (keys, records) = (stored_keys(&cluster).await, cluster.records().await);
    let scope = Scope::Organisation(alice().organisation);
    let revoked = records.run(scope.clone(), |tx| {
        let Member { organisation, username, .. } = alice();
        Box::pin(async move {
            let at = crate::clock::now();
            users::set_operator(tx, &organisation, &username, false, at).await
        })
    });
    assert!(revoked.await.unwrap().is_some());
    assert_eq!(replica.rotate(&alice(), &request()).await.unwrap(), None);
    assert_eq!(stored_keys(&cluster).await, keys);
    let entries = records.read(scope, |tx| {
        Box::pin(async move { audit::list(tx, &alice().organisation, 200, None).await })
    });
    assert!(entries.await.unwrap().is_empty());
}

/// A client with a cached key set reads it again at the end of `interval_ms`, or when a
/// token names an unknown key, but not more often than every `cooldown_ms`.
struct JwksClient {
    interval_ms: i64,
    cooldown_ms: i64,
    read_at: i64,
    kids: HashSet<String>,
}

impl JwksClient {
    /// Whether the client accepts the key at `now`.
    fn accepts(
        &mut self,
        kid: &str,
        published: impl Fn() -> HashSet<String>,
        now: i64,
    ) -> bool {
        let age = now - self.read_at;
        let unknown = !self.kids.contains(kid) && age >= self.cooldown_ms;
        if age >= self.interval_ms || unknown {
            (self.kids, self.read_at) = (published(), now);
        }
        self.kids.contains(kid)
    }
}

/// Common libraries read a key set at most every 30 seconds, and keep it for a minute.
/// Each client here read it at another moment before the rotation. Times are simulated.
#[tokio::test]
async fn rotation_is_unnoticed_by_clients_that_cache_the_key_set() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&args()).await;
    let ring = &replica.0.ring;
    let began = crate::clock::now();
    let before = published(&replica);
    let new = rotate(&replica).await;
    for (interval_ms, cooldown_ms) in
        [(60_000, 30_000), (30_000, 30_000), (60_000, 60_000)]
    {
        for read_before_ms in (0..interval_ms).step_by(1_000) {
            let read_at = began - read_before_ms;
            let mut client =
                JwksClient { interval_ms, cooldown_ms, read_at, kids: before.clone() };
            for second in 0..300 {
                let now = began + second * 1_000;
                let signer = ring.signer(now).unwrap().kid.clone();
                assert!(
                    client.accepts(&signer, || published(&replica), now),
                    "{second} s after the publication, key set read {read_before_ms} ms before"
                );
            }
        }
    }
    assert_eq!(ring.signer(began + 300_000).unwrap().kid, new, "it signs in the end");
}
