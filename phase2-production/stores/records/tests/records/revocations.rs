//! Polling for revocations, as replicas with caches do.

use crate::seed::{
    NOW, add_accounts, credential_hash, in_org_of, log_in, member, run, scope_of,
};
use crate::store::{Store, on_both};
use records::revocations::Revocation;
use records::revoked::{self, Denied};
use records::{Records, Scope, sessions};

on_both! {
    poll_returns_revoked_sessions_oldest_first,
    poll_returns_denied_tokens_by_name,
    poll_misses_no_revocation_with_equal_time,
}

async fn revoke(records: &Records, secret: &str, at: i64) {
    let sent = credential_hash(secret);
    assert!(
        run!(records, scope_of(secret), |tx| sessions::revoke(tx, &sent, at)).unwrap()
    );
}

async fn deny(records: &Records, jti: &str, at: i64) {
    let token =
        Denied { issuer: "lab".to_owned(), jti: jti.to_owned(), expires_at: at + 9 };
    let t1 = member("alice").organisation;
    let denied =
        run!(records, in_org_of("alice"), |tx| revoked::deny(tx, &t1, &token, at));
    assert!(denied.unwrap());
}

async fn revoked_after(records: &Records, end: &Revocation) -> Vec<Revocation> {
    let end = end.clone();
    let found = records.poll(Scope::Housekeeping, move |tx| {
        Box::pin(async move { sessions::revoked_after(tx, &end).await })
    });
    found.await.unwrap()
}

async fn denied_after(records: &Records, end: &Revocation) -> Vec<String> {
    let end = end.clone();
    let found = records.poll(Scope::Housekeeping, move |tx| {
        Box::pin(async move { revoked::denied_after(tx, &end).await })
    });
    found.await.unwrap().into_iter().map(|end| end.name).collect()
}

async fn poll_returns_revoked_sessions_oldest_first(store: Store) {
    add_accounts(&store).await;
    for (username, secret) in
        [("alice", "a"), ("bob", "b"), ("carol", "c"), ("bob", "lives")]
    {
        log_in(&store.records, username, secret).await;
    }
    for (secret, at) in [("c", NOW + 3), ("a", NOW + 1), ("b", NOW + 2)] {
        revoke(&store.records, secret, at).await;
    }
    let of = |secret: &str, at| Revocation { at, name: credential_hash(secret) };
    let all = [of("a", NOW + 1), of("b", NOW + 2), of("c", NOW + 3)];
    let other = store.another().await;
    assert_eq!(revoked_after(&other, &Revocation::since(NOW)).await, all);
    assert_eq!(revoked_after(&other, &Revocation::since(NOW + 2)).await, all[1..]);
    assert_eq!(revoked_after(&other, &all[1]).await, all[2..], "the next page");
    assert_eq!(revoked_after(&other, &all[2]).await, []);
}

async fn poll_returns_denied_tokens_by_name(store: Store) {
    add_accounts(&store).await;
    deny(&store.records, "later", NOW + 1).await;
    deny(&store.records, "sooner", NOW).await;
    let found = denied_after(&store.another().await, &Revocation::since(NOW)).await;
    assert_eq!(found, ["sooner", "later"]);
}

async fn poll_misses_no_revocation_with_equal_time(store: Store) {
    add_accounts(&store).await;
    for jti in ["1", "2", "3"] {
        deny(&store.records, jti, NOW).await;
    }
    let mut last = Revocation::since(NOW);
    for expected in [["1", "2", "3"].as_slice(), &["2", "3"], &["3"], &[]] {
        assert_eq!(denied_after(&store.records, &last).await, expected);
        last.name = expected.first().map(|name| (*name).to_owned()).unwrap_or_default();
    }
}
