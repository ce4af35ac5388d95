//! Signing keys: one set for all replicas.

use crate::seed::{
    NOW, add_accounts, audit_row, audited_requests, in_org_of, member, name, org, run,
};
use crate::store::{Store, on_both};
use records::signing_keys::{self, SigningKey};
use records::{Records, Scope, users};
use tokio::task::JoinSet;

on_both! {
    replicas_starting_together_agree_on_one_key,
    key_is_published_until_it_retires,
    each_algorithm_has_its_own_key,
    only_an_enabled_operator_changes_the_keys,
}

fn key(kid: &str, algorithm: &str) -> SigningKey {
    SigningKey {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        private_sealed: format!("sealed {kid}"),
        public_jwk: format!("{{\"kid\":\"{kid}\"}}"),
        created_at: NOW,
        signs_from: NOW,
        retires_at: None,
    }
}

/// The newest key of the candidate's algorithm, or else the candidate: decided under the
/// lock, like a server at its start.
async fn first(records: &Records, candidate: SigningKey) -> SigningKey {
    let decided = records.run(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            signing_keys::lock(tx).await?;
            let fits = |key: &SigningKey| {
                key.algorithm == candidate.algorithm && key.retires_at.is_none()
            };
            if let Some(key) = signing_keys::list(tx).await?.into_iter().rfind(fits) {
                return Ok(key);
            }
            assert!(signing_keys::insert(tx, &candidate).await?);
            Ok(candidate)
        })
    });
    decided.await.unwrap()
}

async fn list(records: &Records) -> Vec<SigningKey> {
    run!(records, Scope::Housekeeping, |tx| signing_keys::list(tx)).unwrap()
}

async fn replicas_starting_together_agree_on_one_key(store: Store) {
    let pools = store.three().await;
    // The first round also opens the connections; the later ones race harder.
    for round in 0..10 {
        let algorithm = format!("algorithm {round}");
        let mut replicas = JoinSet::new();
        for number in 0..12 {
            let records = pools[number % 3].clone();
            let candidate = key(&format!("key-{round}-{number}"), &algorithm);
            replicas.spawn(async move { first(&records, candidate).await });
        }
        let agreed = replicas.join_all().await;
        assert!(agreed.iter().all(|key| *key == agreed[0]), "{agreed:?}");
        let mut published = list(&store.records).await;
        published.retain(|key| key.algorithm == algorithm);
        assert_eq!(published, agreed[..1]);
    }
}

async fn key_is_published_until_it_retires(store: Store) {
    let old = first(&store.records, key("old", "EdDSA")).await;
    let mut new = key("new", "EdDSA");
    new.created_at = NOW + 1;
    let insert = new.clone();
    let put = async |key: SigningKey| {
        run!(store.records, Scope::Housekeeping, |tx| signing_keys::insert(tx, &key))
            .unwrap()
    };
    assert!(put(insert).await);
    assert!(!put(key("new", "RS256")).await, "a key id is unique");
    let retire = async |at| {
        run!(store.records, Scope::Housekeeping, |tx| signing_keys::retire(tx, "old", at))
            .unwrap()
    };
    assert!(retire(NOW + 100).await);
    assert!(!retire(NOW + 999).await, "it can be set once");
    assert_eq!(
        first(&store.records, key("x", "EdDSA")).await,
        new,
        "the old key is being retired"
    );
    let sweep = async |now| {
        run!(store.records, Scope::Housekeeping, |tx| signing_keys::sweep(tx, now))
            .unwrap()
    };
    assert_eq!(sweep(NOW + 99).await, 0);
    let retired = SigningKey { retires_at: Some(NOW + 100), ..old };
    assert_eq!(list(&store.records).await, [retired, new.clone()]);
    assert_eq!(sweep(NOW + 100).await, 1);
    assert_eq!(list(&store.records).await, [new]);
}

async fn each_algorithm_has_its_own_key(store: Store) {
    let ed = first(&store.records, key("ed", "EdDSA")).await;
    let rsa = first(&store.records, key("rsa", "RS256")).await;
    assert_eq!((ed.kid.as_str(), rsa.kid.as_str()), ("ed", "rsa"));
    assert!(!format!("{ed:?}").contains("sealed"), "{ed:?}");
    assert_eq!(first(&store.records, key("later", "RS256")).await, rsa);
}

/// Adds a key and its audit entry as alice, if she is an operator in that transaction.
async fn rotate_as_alice(store: &Store, kid: &str) -> bool {
    let (caller, entry) = (member("alice"), audit_row("t1", kid));
    let new = key(kid, "EdDSA");
    let rotated = store.records.run(in_org_of("alice"), move |tx| {
        Box::pin(async move {
            if !signing_keys::enter_as_operator(tx, &caller).await? {
                return Ok(false);
            }
            signing_keys::lock(tx).await?;
            assert!(signing_keys::insert(tx, &new).await?);
            signing_keys::write_audit(tx, &entry).await?;
            Ok(true)
        })
    });
    rotated.await.unwrap()
}

async fn only_an_enabled_operator_changes_the_keys(store: Store) {
    add_accounts(&store).await;
    assert!(!rotate_as_alice(&store, "of a member").await);
    let set = async |operator: bool| {
        let set = run!(store.records, in_org_of("alice"), |tx| async move {
            users::set_operator(tx, &org("t1"), &name("alice"), operator, NOW).await
        });
        assert!(set.unwrap().is_some());
    };
    set(true).await;
    assert!(rotate_as_alice(&store, "of an operator").await);
    set(false).await;
    assert!(!rotate_as_alice(&store, "of a former operator").await);
    set(true).await;
    let disabled = run!(store.records, in_org_of("alice"), |tx| async move {
        users::set_disabled(tx, &org("t1"), &name("alice"), true, NOW).await
    });
    assert!(disabled.unwrap().is_some());
    assert!(!rotate_as_alice(&store, "of a disabled operator").await);
    let kids: Vec<_> =
        list(&store.records).await.into_iter().map(|key| key.kid).collect();
    assert_eq!(kids, ["of an operator"]);
    assert_eq!(audited_requests(&store.records).await, ["of an operator"]);
}
