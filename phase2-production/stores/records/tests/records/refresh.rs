//! Refresh tokens: rotation, reuse detection and the end of a family.

use crate::seed::{
    LIFE, NOW, add_accounts, credential_hash, in_org_of, member, name, run, scope_of,
    start_family,
};
use crate::store::{Store, on_both};
use records::refresh::{Holder, NewFamily, Owner, Rotated, Rotation};
use records::{Records, Scope, refresh, users};

on_both! {
    token_rotates_once,
    lost_rotation_reply_is_repeated_within_grace,
    reuse_after_grace_revokes_the_family,
    racing_rotations_get_one_successor,
    refusal_states_its_reason,
    any_token_identifies_its_family,
    exhausted_family_ends_and_detects_reuse_until_then,
    sweep_is_bounded_and_continues_next_time,
    sweep_wipes_successors_and_removes_dead_families,
    backlog_of_successors_is_wiped_in_batches,
    second_sign_out_at_one_epoch_changes_nothing,
    login_beyond_the_limit_revokes_the_oldest_families,
    racing_logins_never_exceed_the_limit,
    sign_out_revokes_a_bounded_number_of_families,
    family_older_than_the_account_is_refused,
}

const GRACE: i64 = 10_000;

/// Maximum number of tokens of a family.
const MAX_TOKENS: i64 = 8;

async fn rotate(records: &Records, from: &str, to: &str, now: i64) -> Rotated {
    let rotation = Rotation {
        token_hash: credential_hash(from),
        new_token_hash: credential_hash(to),
        successor_sealed: format!("sealed {to}"),
        now,
        grace_ms: GRACE,
        max_tokens: MAX_TOKENS,
    };
    run!(records, scope_of(from), |tx| refresh::rotate(tx, &rotation)).unwrap()
}

fn holder() -> Holder {
    Holder {
        member: member("alice"),
        epoch: 1,
        family: "family of r0".to_owned(),
        expires_at: NOW + LIFE,
    }
}

async fn start(store: &Store) -> Records {
    add_accounts(store).await;
    assert!(start_family(&store.records, "alice", "r0").await);
    store.records.clone()
}

async fn token_rotates_once(store: Store) {
    let records = start(&store).await;
    for step in 0..5 {
        let (from, to) = (format!("r{step}"), format!("r{}", step + 1));
        let at = NOW + i64::from(step) * GRACE * 2;
        assert_eq!(rotate(&records, &from, &to, at).await, Rotated::Rotated(holder()));
    }
    assert_eq!(rotate(&records, "guessed", "x", NOW).await, Rotated::Unknown);
}

async fn lost_rotation_reply_is_repeated_within_grace(store: Store) {
    let records = start(&store).await;
    assert_eq!(rotate(&records, "r0", "r1", NOW).await, Rotated::Rotated(holder()));
    let again = Rotated::Repeated(holder(), "sealed r1".to_owned());
    assert_eq!(rotate(&records, "r0", "other", NOW + GRACE - 1).await, again);
    assert_eq!(rotate(&records, "other", "x", NOW).await, Rotated::Unknown);
    let next = rotate(&records, "r1", "r2", NOW + GRACE).await;
    assert_eq!(next, Rotated::Rotated(holder()));
}

async fn reuse_after_grace_revokes_the_family(store: Store) {
    let records = start(&store).await;
    assert!(start_family(&records, "alice", "another device").await);
    assert_eq!(rotate(&records, "r0", "r1", NOW).await, Rotated::Rotated(holder()));
    let stolen = rotate(&records, "r0", "thief's", NOW + GRACE).await;
    assert_eq!(stolen, Rotated::Reused(holder()));
    for token in ["r0", "r1"] {
        assert_eq!(rotate(&records, token, "x", NOW + GRACE).await, Rotated::Revoked);
    }
    assert_eq!(rotate(&records, "thief's", "x", NOW).await, Rotated::Unknown);
    let reason: String = sqlx::query_scalar(
        "SELECT revoked_reason FROM refresh_families WHERE family = 'family of r0'",
    )
    .fetch_one(&mut store.owner().await)
    .await
    .unwrap();
    assert_eq!(reason, "reuse");
    let other = rotate(&records, "another device", "y", NOW + GRACE).await;
    assert!(matches!(other, Rotated::Rotated(_)), "{other:?}");
}

async fn racing_rotations_get_one_successor(store: Store) {
    add_accounts(&store).await;
    let (one, two) = (store.records.clone(), store.another().await);
    for round in 0..30 {
        let from = format!("round {round}");
        assert!(start_family(&one, "alice", &from).await);
        let (left, right) = (format!("{from} left"), format!("{from} right"));
        let (a, b) = tokio::join!(
            rotate(&one, &from, &left, NOW),
            rotate(&two, &from, &right, NOW)
        );
        let (repeated, winner) = match (&a, &b) {
            (Rotated::Rotated(_), Rotated::Repeated(_, sealed)) => (sealed, left),
            (Rotated::Repeated(_, sealed), Rotated::Rotated(_)) => (sealed, right),
            other => panic!("not one of each: {other:?}"),
        };
        assert_eq!(*repeated, format!("sealed {winner}"));
        let unused: Vec<String> = sqlx::query_scalar(
            "SELECT token_hash FROM refresh_tokens WHERE family = $1 AND used_at IS NULL",
        )
        .bind(format!("family of {from}"))
        .fetch_all(&mut store.owner().await)
        .await
        .unwrap();
        assert_eq!(unused, [credential_hash(&winner)], "a second valid token");
    }
}

async fn refusal_states_its_reason(store: Store) {
    let records = start(&store).await;
    let late = rotate(&records, "r0", "x", NOW + LIFE).await;
    assert_eq!(late, Rotated::Expired);
    assert!(start_family(&records, "carol", "carol's").await);
    let (t2, carol) = (member("carol").organisation, name("carol"));
    run!(records, in_org_of("carol"), |tx| users::set_disabled(
        tx, &t2, &carol, true, NOW
    ))
    .unwrap();
    assert_eq!(rotate(&records, "carol's", "x", NOW).await, Rotated::Revoked);
    let t2 = member("carol").organisation;
    let foreign = run!(records, in_org_of("carol"), |tx| refresh::revoke_family(
        tx,
        &t2,
        "family of r0",
        "guessed",
        NOW
    ));
    assert!(!foreign.unwrap(), "of another organisation");
    assert!(matches!(rotate(&records, "r0", "r1", NOW).await, Rotated::Rotated(_)));
}

async fn any_token_identifies_its_family(store: Store) {
    let records = start(&store).await;
    rotate(&records, "r0", "r1", NOW).await;
    let find = async |secret: &str| {
        let sent = credential_hash(secret);
        let found = records.read(scope_of(secret), move |tx| {
            Box::pin(async move { refresh::find(tx, &sent).await })
        });
        found.await.unwrap()
    };
    let alices = Some(Owner {
        organisation: member("alice").organisation,
        username: name("alice"),
        family: "family of r0".to_owned(),
    });
    assert_eq!((find("r0").await, find("r1").await), (alices.clone(), alices.clone()));
    let t1 = member("alice").organisation;
    let ended = run!(records, in_org_of("alice"), |tx| refresh::revoke_family(
        tx,
        &t1,
        "family of r0",
        "logout",
        NOW
    ));
    assert!(ended.unwrap());
    assert_eq!(rotate(&records, "r1", "r2", NOW).await, Rotated::Revoked);
    assert_eq!((find("r0").await, find("r1").await), (alices.clone(), alices));
    assert_eq!(find("guessed").await, None);
}

async fn tokens_kept(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM refresh_tokens")
        .fetch_one(&mut store.owner().await)
        .await
        .unwrap()
}

/// A family has a maximum number of tokens, and none is removed to make space: the reuse
/// of its very first token is still detected.
async fn exhausted_family_ends_and_detects_reuse_until_then(store: Store) {
    let records = start(&store).await;
    assert!(start_family(&records, "alice", "watched").await);
    for line in ["r", "watched"] {
        let name = |step: i64| match (line, step) {
            ("watched", 0) => "watched".to_owned(),
            _ => format!("{line}{step}"),
        };
        for step in 1..MAX_TOKENS {
            let rotated = rotate(&records, &name(step - 1), &name(step), NOW).await;
            assert!(matches!(rotated, Rotated::Rotated(_)), "{step}: {rotated:?}");
        }
    }
    let stolen = rotate(&records, "watched", "x", NOW + GRACE).await;
    assert!(matches!(stolen, Rotated::Reused(_)), "{stolen:?}");
    let last = format!("r{}", MAX_TOKENS - 1);
    assert_eq!(rotate(&records, &last, "x", NOW).await, Rotated::Exhausted(holder()));
    assert_eq!(rotate(&records, &last, "x", NOW).await, Rotated::Revoked);
    assert_eq!(rotate(&records, "x", "y", NOW).await, Rotated::Unknown);
    assert_eq!(tokens_kept(&store).await, 2 * MAX_TOKENS);
}

/// Three families of 12 000 tokens each: a transaction that removed a thousand such
/// families would exceed its timeout and be rolled back each time.
async fn sweep_is_bounded_and_continues_next_time(store: Store) {
    let records = start(&store).await;
    let mut owner = store.owner().await;
    for secret in ["a", "b"] {
        assert!(start_family(&records, "alice", secret).await);
    }
    let many = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < 12000) INSERT INTO refresh_tokens (token_hash, family, organisation, issued_at) \
         SELECT SUBSTR(token_hash, 1, 58) || (100000 + n), family, organisation, issued_at \
         FROM refresh_tokens, numbers";
    sqlx::query(many).execute(&mut owner).await.unwrap();
    let sweep = async || {
        let before = NOW + LIFE + 1;
        run!(records, Scope::Housekeeping, |tx| refresh::sweep(tx, before)).unwrap()
    };
    assert_eq!(tokens_kept(&store).await, 3 * 12_001);
    assert_eq!((sweep().await, tokens_kept(&store).await), (2, 12_001));
    assert_eq!((sweep().await, tokens_kept(&store).await), (1, 0));
}

async fn sweep_wipes_successors_and_removes_dead_families(store: Store) {
    let records = start(&store).await;
    rotate(&records, "r0", "r1", NOW).await;
    let sweep = async |before| {
        run!(records, Scope::Housekeeping, |tx| refresh::sweep(tx, before)).unwrap()
    };
    let kept = async || -> i64 {
        sqlx::query_scalar("SELECT COUNT(successor_sealed) FROM refresh_tokens")
            .fetch_one(&mut store.owner().await)
            .await
            .unwrap()
    };
    assert_eq!((wipe(&records, NOW).await, kept().await), (0, 1));
    assert_eq!((wipe(&records, NOW + 1).await, kept().await), (1, 0));
    assert_eq!(sweep(NOW).await, 0);
    assert_eq!(sweep(NOW + LIFE + 1).await, 1);
    assert_eq!(rotate(&records, "r1", "x", NOW).await, Rotated::Unknown);
}

async fn wipe(records: &Records, grace_began: i64) -> u64 {
    let scope = Scope::Housekeeping;
    run!(records, scope, |tx| refresh::wipe_successors(tx, grace_began)).unwrap()
}

/// After sweeps were skipped, more successors wait than one statement may wipe.
async fn backlog_of_successors_is_wiped_in_batches(store: Store) {
    let records = start(&store).await;
    let many = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < 1500) INSERT INTO refresh_tokens (token_hash, family, organisation, issued_at, \
           used_at, successor_sealed) \
         SELECT SUBSTR(token_hash, 1, 58) || (100000 + n), family, organisation, issued_at, \
           issued_at, 'sealed' FROM refresh_tokens, numbers";
    sqlx::query(many).execute(&mut store.owner().await).await.unwrap();
    for wiped in [1_000, 500, 0] {
        assert_eq!(wipe(&records, NOW + 1).await, wiped);
    }
}

/// The first sign-out increases the epoch, so the second finds a later one.
async fn second_sign_out_at_one_epoch_changes_nothing(store: Store) {
    let records = start(&store).await;
    let sign_out = async || {
        let alice = member("alice");
        let out = run!(records, in_org_of("alice"), |tx| async move {
            let (org, name) = (&alice.organisation, &alice.username);
            users::sign_out_at_epoch(tx, org, name, 1, NOW).await
        });
        out.unwrap().map(|out| (out.epoch, out.families.len()))
    };
    assert_eq!(sign_out().await, Some((2, 1)));
    assert_eq!(sign_out().await, None);
}

/// Starts a family of alice that was created at this time.
async fn log_in_at(records: &Records, secret: &str, most: i64, now: i64) -> Vec<String> {
    let new = NewFamily {
        family: secret.to_owned(),
        member: member("alice"),
        epoch: 1,
        expires_at: NOW + LIFE,
    };
    let first = credential_hash(secret);
    let started = run!(records, in_org_of("alice"), |tx| refresh::start_family(
        tx, &new, &first, most, now
    ));
    started.unwrap().expect("alice may log in")
}

async fn live_families(store: &Store) -> i64 {
    let live = "SELECT COUNT(*) FROM refresh_families WHERE revoked_at IS NULL";
    sqlx::query_scalar(live).fetch_one(&mut store.owner().await).await.unwrap()
}

async fn login_beyond_the_limit_revokes_the_oldest_families(store: Store) {
    add_accounts(&store).await;
    assert!(start_family(&store.records, "carol", "of another account").await);
    for (number, ended) in [(0, None), (1, None), (2, None), (3, Some(0)), (4, Some(1))] {
        let revoked =
            log_in_at(&store.records, &format!("r{number}"), 3, NOW + number).await;
        let expected: Vec<_> = ended.map(|old| format!("r{old}")).into_iter().collect();
        assert_eq!(revoked, expected, "login {number}");
    }
    assert_eq!(log_in_at(&store.records, "lower limit", 1, NOW + 5).await.len(), 3);
    for (secret, expected) in [("r0", Rotated::Revoked), ("r4", Rotated::Revoked)] {
        assert_eq!(rotate(&store.records, secret, "x", NOW + 6).await, expected);
    }
    let rotated = rotate(&store.records, "lower limit", "next", NOW + 6).await;
    assert!(matches!(rotated, Rotated::Rotated(_)), "{rotated:?}");
    assert_eq!(live_families(&store).await, 2);
}

async fn racing_logins_never_exceed_the_limit(store: Store) {
    add_accounts(&store).await;
    let replicas = store.three().await;
    for round in 0..8 {
        let logins = replicas.iter().enumerate().map(|(number, records)| async move {
            log_in_at(records, &format!("{round}-{number}"), 3, NOW + round).await
        });
        futures_util::future::join_all(logins).await;
        assert_eq!(live_families(&store).await, 3, "round {round}");
    }
}

/// Families that an older version of the program left: without an epoch.
async fn add_old_families(store: &Store, count: i64) {
    let many = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < 100000) INSERT INTO refresh_families (family, organisation, username, \
         created_at, last_used_at, expires_at) SELECT 'old ' || n, 't1', 'alice', 1, 1, \
         9000000000000 FROM numbers WHERE n <= ";
    let many = format!("{many}{count}");
    let mut owner = store.owner().await;
    sqlx::query(sqlx::AssertSqlSafe(many)).execute(&mut owner).await.unwrap();
}

async fn sign_out_revokes_a_bounded_number_of_families(store: Store) {
    add_accounts(&store).await;
    add_old_families(&store, 1_200).await;
    let (t1, alice) = (member("alice").organisation, name("alice"));
    let (org, user) = (t1.clone(), alice.clone());
    let ended = run!(store.records, in_org_of("alice"), |tx| users::sign_out_everywhere(
        tx, &org, &user, NOW
    ));
    let ended = ended.unwrap().expect("alice is there");
    assert_eq!(ended.families.len(), refresh::REVOCATION_BATCH_SIZE);
    let later = NewFamily {
        family: "later login".to_owned(),
        member: member("alice"),
        epoch: ended.epoch,
        expires_at: NOW + LIFE,
    };
    let first = credential_hash("later login");
    let begun = run!(store.records, in_org_of("alice"), |tx| refresh::start_family(
        tx, &later, &first, 100_000, NOW
    ));
    assert_eq!(begun.unwrap(), Some(Vec::new()));
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        let (org, user, epoch) = (t1.clone(), alice.clone(), ended.epoch);
        let more = run!(store.records, in_org_of("alice"), |tx| users::revoke_more(
            tx, &org, &user, epoch, NOW
        ));
        batches.push(more.unwrap().len());
    }
    assert_eq!(batches, [500, 200, 0]);
    assert_eq!(live_families(&store).await, 1, "the later login");
}

/// A sign-out that was interrupted after its first transaction has still ended every family.
async fn family_older_than_the_account_is_refused(store: Store) {
    let records = start(&store).await;
    let mut owner = store.owner().await;
    let newer = "UPDATE users SET epoch = 2 WHERE username = 'alice'";
    sqlx::query(newer).execute(&mut owner).await.unwrap();
    assert_eq!(rotate(&records, "r0", "r1", NOW).await, Rotated::Revoked);
}
