//! Revoked access tokens, and the audit log.

use crate::seed::{NOW, add_accounts, audit_row, in_org_of, member, run};
use crate::store::{Store, on_both};
use records::revoked::{self, Denied};
use records::{Records, Scope, audit};

on_both! {
    revoked_token_is_denied_on_every_replica,
    sweep_removes_denials_of_expired_tokens,
    audit_log_lists_newest_first_and_filters_by_request,
}

fn token(jti: &str, expires_at: i64) -> Denied {
    Denied { issuer: "lab".to_owned(), jti: jti.to_owned(), expires_at }
}

async fn deny(records: &Records, jti: &str, expires_at: i64) -> bool {
    let (t1, token) = (member("alice").organisation, token(jti, expires_at));
    run!(records, in_org_of("alice"), |tx| revoked::deny(tx, &t1, &token, NOW)).unwrap()
}

async fn is_denied(records: &Records, issuer: &'static str, jti: &'static str) -> bool {
    let t1 = member("alice").organisation;
    run!(records, in_org_of("alice"), |tx| revoked::is_denied(tx, &t1, issuer, jti))
        .unwrap()
}

async fn revoked_token_is_denied_on_every_replica(store: Store) {
    add_accounts(&store).await;
    let other = store.another().await;
    assert!(!is_denied(&other, "lab", "1").await);
    assert!(deny(&store.records, "1", NOW + 900_000).await);
    assert!(!deny(&other, "1", NOW + 900_000).await, "once is enough");
    assert!(is_denied(&other, "lab", "1").await);
    assert!(!is_denied(&other, "another issuer", "1").await);
    assert!(!is_denied(&other, "lab", "2").await);
}

async fn sweep_removes_denials_of_expired_tokens(store: Store) {
    add_accounts(&store).await;
    deny(&store.records, "expired", NOW - 1).await;
    deny(&store.records, "valid", NOW + 1).await;
    let swept = run!(store.records, Scope::Housekeeping, |tx| revoked::sweep(tx, NOW));
    assert_eq!(swept.unwrap(), 1);
    assert!(!is_denied(&store.records, "lab", "expired").await);
    assert!(is_denied(&store.records, "lab", "valid").await);
}

async fn audit_log_lists_newest_first_and_filters_by_request(store: Store) {
    add_accounts(&store).await;
    for request in ["1", "2", "1"] {
        crate::seed::write(&store.records, request).await.unwrap();
    }
    let foreign = audit_row("t2", "1");
    run!(store.records, in_org_of("carol"), |tx| audit::write(tx, &foreign)).unwrap();
    let read = async |limit, request: Option<&'static str>| {
        let t1 = member("alice").organisation;
        let rows = run!(store.records, in_org_of("alice"), |tx| audit::list(
            tx, &t1, limit, request
        ));
        rows.unwrap()
    };
    assert_eq!(read(9, Some("1")).await, [audit_row("t1", "1"), audit_row("t1", "1")]);
    assert_eq!(read(2, None).await, [audit_row("t1", "1"), audit_row("t1", "2")]);
    assert_eq!(read(9, Some("3")).await, []);
}
