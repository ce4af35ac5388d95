//! The life of a session, from its birth to its removal.

use crate::seed::{
    IDLE, LIFE, NOW, add_accounts, create, credential_hash, find, in_org_of, log_in,
    member, name, new_session, run, scope_of,
};
use crate::store::{Store, on_both};
use records::sessions::{Created, Found, Session};
use records::{Records, RecordsError, Scope, sessions};

on_both! {
    created_session_reads_back_unchanged,
    idle_session_expires_and_use_extends_it,
    busy_session_expires_at_its_absolute_end,
    revoked_session_stays_revoked,
    change_increases_the_version_and_use_does_not,
    existing_session_id_hash_is_not_taken_over,
    login_at_the_limit_revokes_the_oldest_session,
    sweep_removes_only_long_dead_sessions,
}

async fn seen(records: &Records, secret: &str, at: i64) -> bool {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::record_use(tx, &sent, at)).unwrap()
}

async fn add(
    records: &Records,
    secret: &str,
    file: &'static str,
    at: i64,
) -> Option<i64> {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::add_file(tx, &sent, file, at)).unwrap()
}

async fn revoke(records: &Records, secret: &str, at: i64) -> bool {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::revoke(tx, &sent, at)).unwrap()
}

async fn files(records: &Records, secret: &str) -> Vec<String> {
    let sent = credential_hash(secret);
    run!(records, scope_of(secret), |tx| sessions::files(tx, &sent)).unwrap()
}

async fn live(records: &Records, secret: &str, now: i64) -> Session {
    match find(records, secret, now).await {
        Found::Live(session) => session,
        other => panic!("{secret} is {other:?}"),
    }
}

async fn created_session_reads_back_unchanged(store: Store) {
    add_accounts(&store).await;
    let made = log_in(&store.records, "alice", "s").await;
    let found = live(&store.another().await, "s", NOW + 1).await;
    assert_eq!(found, made);
    assert_eq!((found.member, found.epoch), (member("alice"), 1));
    assert_eq!(find(&store.records, "another", NOW).await, Found::Unknown);
}

async fn idle_session_expires_and_use_extends_it(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    assert!(seen(&store.records, "s", NOW + IDLE - 1).await);
    // A slow replica records a use late: the idle time does not move back.
    assert!(seen(&store.records, "s", NOW + 5).await);
    let end = NOW + IDLE - 1 + IDLE;
    assert_eq!(live(&store.records, "s", end - 1).await.ends_at(), end);
    assert_eq!(find(&store.records, "s", end).await, Found::Expired);
    assert!(!seen(&store.records, "s", end).await);
    assert_eq!(find(&store.records, "s", end).await, Found::Expired);
}

async fn busy_session_expires_at_its_absolute_end(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    let mut now = NOW;
    while now + IDLE / 2 < NOW + LIFE {
        now += IDLE / 2;
        assert!(seen(&store.records, "s", now).await);
    }
    let last = NOW + LIFE - 1;
    assert!(seen(&store.records, "s", last).await);
    assert_eq!(live(&store.records, "s", last).await.ends_at(), NOW + LIFE);
    assert_eq!(find(&store.records, "s", NOW + LIFE).await, Found::Expired);
    assert!(!seen(&store.records, "s", NOW + LIFE).await);
    assert_eq!(add(&store.records, "s", "late.txt", NOW + LIFE).await, None);
}

async fn revoked_session_stays_revoked(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    add(&store.records, "s", "kept.txt", NOW).await.unwrap();
    assert!(revoke(&store.records, "s", NOW + 1).await);
    assert!(!revoke(&store.records, "s", NOW + 2).await, "once is enough");
    assert!(!seen(&store.records, "s", NOW + 2).await);
    assert_eq!(add(&store.records, "s", "late.txt", NOW + 2).await, None);
    assert_eq!(add(&store.records, "never was", "x.txt", NOW + 2).await, None);
    assert_eq!(find(&store.records, "s", NOW).await, Found::Revoked { version: 3 });
    assert_eq!(find(&store.records, "never was", NOW).await, Found::Unknown);
    assert_eq!(files(&store.records, "s").await, ["kept.txt"]);
    let again = create(&store.records, new_session("alice", "s"), 9, NOW + 3).await;
    assert!(matches!(again, Err(RecordsError::Broken(_))), "{again:?}");
}

async fn change_increases_the_version_and_use_does_not(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    for (number, file) in ["b.txt", "a.txt", "a.txt"].into_iter().enumerate() {
        let version = i64::try_from(number).unwrap() + 2;
        assert_eq!(add(&store.records, "s", file, NOW + 9).await, Some(version));
    }
    assert!(seen(&store.records, "s", NOW + 10).await);
    let session = live(&store.records, "s", NOW + 11).await;
    assert_eq!((session.version, session.last_seen_at), (4, NOW + 10));
    assert_eq!(files(&store.records, "s").await, ["b.txt", "a.txt", "a.txt"]);
}

async fn existing_session_id_hash_is_not_taken_over(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "s").await;
    for thief in ["bob", "carol"] {
        let taken = create(&store.records, new_session(thief, "s"), 9, NOW).await;
        assert!(matches!(taken, Err(RecordsError::Broken(_))), "{taken:?}");
    }
    assert_eq!(live(&store.records, "s", NOW).await.member, member("alice"));
    let mut raw = new_session("bob", "x");
    raw.session_id_hash = "an-id-itself-of-forty-three-characters-012345".to_owned();
    let stored = create(&store.records, raw, 9, NOW).await;
    assert!(matches!(stored, Err(RecordsError::Broken(_))), "an id is never stored");
}

async fn login_at_the_limit_revokes_the_oldest_session(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "bob", "bob's").await;
    let mut dead = Vec::new();
    for (number, secret) in ["1", "2", "3", "4", "5"].into_iter().enumerate() {
        let now = NOW + i64::try_from(number).unwrap();
        match create(&store.records, new_session("alice", secret), 3, now).await.unwrap()
        {
            Created::Yes(_, revoked) => dead.extend(revoked),
            Created::AccountChanged => panic!("the account did not change"),
        }
    }
    assert_eq!(dead, [credential_hash("1"), credential_hash("2")]);
    let (t1, alice) = (member("alice").organisation, name("alice"));
    let remaining = run!(store.records, in_org_of("alice"), |tx| sessions::of_user(
        tx,
        &t1,
        &alice,
        NOW + 9
    ));
    let remaining: Vec<_> =
        remaining.unwrap().into_iter().map(|session| session.session_id_hash).collect();
    assert_eq!(
        remaining,
        [credential_hash("3"), credential_hash("4"), credential_hash("5")]
    );
    assert_eq!(find(&store.records, "1", NOW + 9).await, Found::Revoked { version: 2 });
    live(&store.records, "bob's", NOW + 9).await;
}

async fn sweep_removes_only_long_dead_sessions(store: Store) {
    add_accounts(&store).await;
    for secret in ["lives", "revoked", "idle", "just revoked"] {
        log_in(&store.records, "alice", secret).await;
    }
    add(&store.records, "revoked", "gone.txt", NOW).await.unwrap();
    assert!(revoke(&store.records, "revoked", NOW + 1).await);
    let later = NOW + IDLE - 1;
    assert!(seen(&store.records, "lives", later).await);
    assert!(revoke(&store.records, "just revoked", later).await);
    let before = NOW + 2;
    let sweep = |before| {
        let records = store.records.clone();
        async move {
            run!(records, Scope::Housekeeping, |tx| sessions::sweep(tx, before)).unwrap()
        }
    };
    assert_eq!(sweep(before).await, 1);
    assert_eq!(find(&store.records, "revoked", later).await, Found::Unknown);
    assert_eq!(files(&store.records, "revoked").await, Vec::<String>::new());
    assert_eq!(
        find(&store.records, "just revoked", later).await,
        Found::Revoked { version: 2 }
    );
    assert_eq!(sweep(NOW + IDLE + 1).await, 2, "idle, and the one that was just revoked");
    live(&store.records, "lives", later).await;
}
