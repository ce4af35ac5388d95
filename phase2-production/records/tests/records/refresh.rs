//! Refresh tokens: rotation, reuse detection and the end of a family.

use crate::seed::{
    LIFE, NOW, add_accounts, credential_hash, in_org_of, member, name, run, scope_of,
    start_family,
};
use crate::store::{Store, on_both};
use records::refresh::{Holder, Owner, Rotated, Rotation};
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
        run!(records, Scope::Housekeeping, |tx| refresh::sweep(tx, before, NOW)).unwrap()
    };
    assert_eq!(tokens_kept(&store).await, 3 * 12_001);
    assert_eq!((sweep().await, tokens_kept(&store).await), (2, 12_001));
    assert_eq!((sweep().await, tokens_kept(&store).await), (1, 0));
}

async fn sweep_wipes_successors_and_removes_dead_families(store: Store) {
    let records = start(&store).await;
    rotate(&records, "r0", "r1", NOW).await;
    let sweep = async |before, grace_began| {
        run!(records, Scope::Housekeeping, |tx| refresh::sweep(tx, before, grace_began))
            .unwrap()
    };
    let kept = async || -> i64 {
        sqlx::query_scalar("SELECT COUNT(successor_sealed) FROM refresh_tokens")
            .fetch_one(&mut store.owner().await)
            .await
            .unwrap()
    };
    assert_eq!((sweep(NOW, NOW).await, kept().await), (0, 1));
    assert_eq!((sweep(NOW, NOW + 1).await, kept().await), (0, 0));
    assert_eq!(sweep(NOW + LIFE + 1, NOW).await, 1);
    assert_eq!(rotate(&records, "r1", "x", NOW).await, Rotated::Unknown);
}
