//! Refresh tokens: rotation and reuse detection.

use super::cluster::{TestCluster, alice, args, eventually, is_valid, request, with};
use crate::config::credentials::{Revocation, TokenArgs};
use crate::faults::WriteLock;
use crate::tokens::{Issued, TokenError, Tokens, now};
use records::signing_keys::{self, SigningKey};
use records::{Records, Scope};
use std::time::Duration;

async fn refresh(replica: &Tokens, pair: &Issued) -> Result<Issued, TokenError> {
    replica.refresh(pair.refresh_token.expose(), &request()).await
}

fn is_invalid(outcome: &Result<Issued, TokenError>) -> bool {
    matches!(outcome, Err(TokenError::Invalid))
}

/// No grace: a second use counts as theft.
fn strict() -> TokenArgs {
    TokenArgs { refresh_grace_ms: 0, ..args() }
}

#[tokio::test]
async fn each_refresh_returns_a_new_pair_on_any_replica() {
    let cluster = TestCluster::without_redis().await;
    let (one, two) = (cluster.replica(&args()).await, cluster.replica(&args()).await);
    let first = cluster.log_in(&one).await;
    let second = refresh(&two, &first).await.unwrap();
    let third = refresh(&one, &second).await.unwrap();
    assert!(first.refresh_token != second.refresh_token);
    assert!(second.refresh_token != third.refresh_token);
    for (replica, pair) in [(&two, &first), (&one, &second), (&two, &third)] {
        assert!(is_valid(replica, pair).await);
    }
}

#[tokio::test]
async fn repeated_refresh_returns_the_same_successor() {
    let cluster = TestCluster::without_redis().await;
    let (one, two) = (cluster.replica(&args()).await, cluster.replica(&args()).await);
    let first = cluster.log_in(&one).await;
    let lost = refresh(&one, &first).await.unwrap();
    let again = refresh(&two, &first).await.unwrap();
    assert!(lost.refresh_token == again.refresh_token);
    assert!(is_valid(&one, &again).await);
    assert!(refresh(&one, &again).await.is_ok(), "the family is valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_share_one_successor() {
    let cluster = TestCluster::on_best_database().await;
    let replicas = [
        cluster.replica(&args()).await,
        cluster.replica(&args()).await,
        cluster.replica(&args()).await,
    ];
    for _round in 0..10 {
        let first = cluster.log_in(&replicas[0]).await;
        let asked = replicas.iter().cycle().take(9).map(|replica| {
            let (replica, first) = (replica.clone(), first.clone());
            tokio::spawn(async move { refresh(&replica, &first).await.unwrap() })
        });
        let mut successors = Vec::new();
        for one in asked.collect::<Vec<_>>() {
            successors.push(one.await.unwrap());
        }
        let (first, rest) = successors.split_first().unwrap();
        assert!(rest.iter().all(|one| one.refresh_token == first.refresh_token));
        assert!(refresh(&replicas[1], first).await.is_ok());
    }
}

#[tokio::test]
async fn reuse_after_grace_revokes_family_and_access_tokens() {
    let cluster = TestCluster::without_redis().await;
    let (one, two) = (cluster.replica(&strict()).await, cluster.replica(&strict()).await);
    let bystander = cluster.log_in(&one).await;
    let stolen = cluster.log_in(&one).await;
    let successor = refresh(&one, &stolen).await.unwrap();
    assert!(is_invalid(&refresh(&two, &stolen).await), "the second use");
    assert!(is_invalid(&refresh(&one, &successor).await), "the successor");
    assert!(!is_valid(&one, &successor).await && !is_valid(&two, &stolen).await);
    assert!(is_valid(&one, &bystander).await);
    assert!(refresh(&two, &bystander).await.is_ok(), "another login of the same user");
    let records = cluster.records().await;
    let audit = records.run(Scope::Organisation(alice().organisation), |tx| {
        Box::pin(async move {
            records::audit::list(tx, &alice().organisation, 200, None).await
        })
    });
    let actions: Vec<_> =
        audit.await.unwrap().into_iter().map(|row| row.action).collect();
    assert_eq!(actions, ["token.revoked", "token.issued", "token.issued"]);
}

async fn remove_keys(records: &Records) -> Vec<SigningKey> {
    let removed = records.run(Scope::Housekeeping, |tx| {
        Box::pin(async move {
            let keys = signing_keys::list(tx).await?;
            for key in &keys {
                signing_keys::retire(tx, &key.kid, 0).await?;
            }
            signing_keys::sweep(tx, 0).await?;
            Ok(keys)
        })
    });
    removed.await.unwrap()
}

async fn insert_keys(records: &Records, keys: Vec<SigningKey>) {
    let inserted = records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            for key in &keys {
                signing_keys::insert(tx, key).await?;
            }
            Ok(())
        })
    });
    inserted.await.unwrap();
}

/// Otherwise the client, which got no successor, would be taken for a thief later.
#[tokio::test]
async fn refresh_without_a_signing_key_uses_no_token() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&strict()).await;
    let pair = cluster.log_in(&replica).await;
    let records = cluster.records().await;
    let keys = remove_keys(&records).await;
    assert_eq!(keys.len(), 1);
    replica.0.ring.refresh(now()).await.unwrap();
    let failed = refresh(&replica, &pair).await;
    assert!(matches!(failed, Err(TokenError::Broken(_))), "no key signs");
    insert_keys(&records, keys).await;
    replica.0.ring.refresh(now()).await.unwrap();
    assert!(refresh(&replica, &pair).await.is_ok(), "the token is unused");
}

/// The client disconnects while the reuse is being detected.
#[tokio::test]
async fn reuse_revokes_access_tokens_even_if_the_client_disconnects() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&strict()).await;
    let stolen = cluster.log_in(&replica).await;
    let successor = refresh(&replica, &stolen).await.unwrap();
    let lock = WriteLock::hold(&cluster.records().await).await;
    let asked = refresh(&replica, &stolen);
    let answer = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(answer.is_err(), "the database is locked");
    assert!(is_valid(&replica, &successor).await);
    lock.release().await;
    let dead = || async { !is_valid(&replica, &successor).await };
    eventually("the access token is revoked", dead).await;
    assert!(is_invalid(&refresh(&replica, &successor).await));
}

#[tokio::test]
async fn refresh_grace_expires() {
    let cluster = TestCluster::without_redis().await;
    let short = TokenArgs { refresh_grace_ms: 300, ..args() };
    let replica = cluster.replica(&short).await;
    let first = cluster.log_in(&replica).await;
    assert!(refresh(&replica, &first).await.is_ok());
    let used = now();
    while now() <= used + 300 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(is_invalid(&refresh(&replica, &first).await));
}

#[tokio::test]
async fn family_expires_regardless_of_refreshes() {
    let cluster = TestCluster::without_redis().await;
    let short = TokenArgs { refresh_ttl_ms: 600, ..args() };
    let replica = cluster.replica(&short).await;
    let mut pair = cluster.log_in(&replica).await;
    let born = now();
    let ended = loop {
        match refresh(&replica, &pair).await {
            Ok(next) => pair = next,
            Err(error) => break error,
        }
        assert!(now() < born + 10_000, "refreshed without end");
    };
    assert!(matches!(ended, TokenError::Expired), "{ended}");
    assert!(now() >= born + 500);
}

#[tokio::test]
async fn access_and_refresh_tokens_are_not_interchangeable() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&args()).await;
    let pair = cluster.log_in(&replica).await;
    let swapped = Issued {
        access_token: pair.refresh_token.clone(),
        refresh_token: pair.access_token.clone(),
        expires_in: 0,
    };
    assert!(!is_valid(&replica, &swapped).await);
    assert!(is_invalid(&refresh(&replica, &swapped).await));
}

#[tokio::test]
async fn sign_out_after_password_check_prevents_issue() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&with(Revocation::None)).await;
    let (epoch, pair) = (cluster.epoch().await, cluster.log_in(&replica).await);
    cluster.sign_out_everywhere(&replica).await;
    assert!(is_invalid(&replica.issue(&alice(), epoch, &request()).await));
    assert!(is_invalid(&refresh(&replica, &pair).await));
    assert!(refresh(&replica, &cluster.log_in(&replica).await).await.is_ok());
}
