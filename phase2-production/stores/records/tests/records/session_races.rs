//! Concurrent requests on one session, on three replicas.

use crate::seed::{
    NOW, add_accounts, create, credential_hash, find, in_org_of, log_in, member, name,
    new_session, run, scope_of,
};
use crate::store::{Store, on_both};
use records::sessions::Found;
use records::{Records, sessions};
use std::collections::BTreeSet;
use tokio::task::JoinSet;

on_both! {
    fifty_parallel_uploads_list_fifty_files,
    logout_during_uploads_is_final,
    racing_logins_never_exceed_the_session_limit,
    parallel_uses_keep_the_latest_time,
}

async fn add(records: Records, secret: String, file: String) -> Option<i64> {
    let (scope, sent) = (scope_of(&secret), credential_hash(&secret));
    run!(records, scope, |tx| sessions::add_file(tx, &sent, &file, NOW + 1)).unwrap()
}

async fn files(records: &Records, secret: &str) -> Vec<String> {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::files(tx, &sent)).unwrap()
}

async fn fifty_parallel_uploads_list_fifty_files(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    let pools = store.three().await;
    let mut uploads = JoinSet::new();
    for number in 0..50 {
        let records = pools[number % 3].clone();
        uploads.spawn(add(records, "s".to_owned(), format!("{number}.txt")));
    }
    let versions: BTreeSet<_> = uploads.join_all().await.into_iter().flatten().collect();
    assert_eq!(versions, (2..=51).collect());
    let kept: BTreeSet<_> = files(&store.records, "s").await.into_iter().collect();
    assert_eq!(kept, (0..50).map(|number| format!("{number}.txt")).collect());
}

async fn logout_during_uploads_is_final(store: Store) {
    add_accounts(&store).await;
    let pools = store.three().await;
    let mut refused = 0;
    for round in 0..20_usize {
        let secret = format!("round {round}");
        log_in(&store.records, "alice", &secret).await;
        let mut uploads = JoinSet::new();
        for number in 0..6 {
            let records = pools[number % 3].clone();
            uploads.spawn(add(records, secret.clone(), format!("{number}.txt")));
            if number == round % 6 {
                tokio::task::yield_now().await;
            }
        }
        let sent = credential_hash(&secret);
        let logout = run!(pools[round % 3], scope_of(&secret), |tx| sessions::revoke(
            tx,
            &sent,
            NOW + 2
        ));
        assert!(logout.unwrap());
        let at_logout = files(&store.records, &secret).await;
        let added = uploads.join_all().await.into_iter().flatten().count();
        refused += 6 - added;
        assert_eq!(files(&store.records, &secret).await, at_logout, "added when dead");
        assert_eq!(at_logout.len(), added, "each caller got the true outcome");
        let found = find(&store.records, &secret, NOW + 3).await;
        assert!(matches!(found, Found::Revoked { .. }), "{found:?}");
    }
    println!("{refused} of 120 uploads came after the logout");
}

async fn racing_logins_never_exceed_the_session_limit(store: Store) {
    add_accounts(&store).await;
    let pools = store.three().await;
    for round in 0..5 {
        let mut logins = JoinSet::new();
        for number in 0..9_usize {
            let (records, new) = (
                pools[number % 3].clone(),
                new_session("alice", &format!("{round}-{number}")),
            );
            logins.spawn(
                async move { create(&records, new, 3, NOW + round).await.unwrap() },
            );
        }
        while logins.join_next().await.is_some() {
            assert!(count_live(&store.records).await <= 3);
        }
        assert_eq!(count_live(&store.records).await, 3);
    }
}

async fn count_live(records: &Records) -> usize {
    let (t1, alice) = (member("alice").organisation, name("alice"));
    let live = run!(records, in_org_of("alice"), |tx| sessions::of_user(
        tx,
        &t1,
        &alice,
        NOW + 9
    ));
    live.unwrap().len()
}

async fn parallel_uses_keep_the_latest_time(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    let pools = store.three().await;
    let mut requests = JoinSet::new();
    for number in 0..30_i64 {
        let records = pools[usize::try_from(number).unwrap() % 3].clone();
        let at = NOW + (number * 7) % 30;
        requests.spawn(async move {
            let sent = credential_hash("s");
            run!(records, scope_of("s"), |tx| sessions::record_use(tx, &sent, at))
                .unwrap()
        });
    }
    assert!(requests.join_all().await.into_iter().all(|count_live| count_live));
    let Found::Live(session) = find(&store.records, "s", NOW + 30).await else {
        panic!("it lives");
    };
    assert_eq!((session.last_seen_at, session.version), (NOW + 29, 1));
}
