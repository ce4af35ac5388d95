//! Accounts, and the changes that revoke all earlier credentials.

use crate::seed::{
    IDLE, NOW, account, accounts, add_accounts, create, credential_hash, find, in_org_of,
    log_in, member, name, new_session, run, start_family,
};
use crate::store::{Store, on_both};
use records::refresh::{Rotated, Rotation};
use records::sessions::{Created, Found};
use records::users::{NewAccount, SignedOut};
use records::{Records, Role, Scope, refresh, users};
use tokio::task::JoinSet;

on_both! {
    import_adds_accounts_once_and_overwrites_none,
    parallel_imports_add_each_account_once,
    login_finds_its_account,
    account_change_revokes_earlier_credentials,
    disabled_account_logs_in_after_it_is_enabled,
    login_is_refused_after_a_concurrent_account_change,
    racing_login_never_survives_a_sign_out,
    one_of_two_parallel_password_changes_is_refused,
    account_of_another_organisation_cannot_be_changed,
}

async fn import_adds_accounts_once_and_overwrites_none(store: Store) {
    add_accounts(&store).await;
    let mut again = accounts();
    for account in &mut again {
        account.password_hash = "another".to_owned();
    }
    let mut moved = member("alice");
    moved.organisation = member("carol").organisation;
    again.push(NewAccount {
        member: moved,
        password_hash: "another".to_owned(),
        operator: true,
    });
    let added =
        run!(store.records, Scope::Housekeeping, |tx| users::import(tx, &again, NOW));
    assert_eq!(added.unwrap(), 0);
    let alice = account(&store.records, "alice").await;
    assert_eq!(alice.password_hash, "$argon2id$ of alice");
    assert_eq!(alice.member, member("alice"));
}

async fn parallel_imports_add_each_account_once(store: Store) {
    let mut imports = JoinSet::new();
    for records in store.three().await {
        for rotation in 0..4 {
            let records = records.clone();
            let mut accounts = accounts();
            accounts.rotate_left(rotation % 3);
            imports.spawn(async move {
                run!(records, Scope::Housekeeping, |tx| users::import(tx, &accounts, NOW))
            });
        }
    }
    let added: u64 = imports.join_all().await.into_iter().map(Result::unwrap).sum();
    assert_eq!(added, 3);
}

async fn login_finds_its_account(store: Store) {
    add_accounts(&store).await;
    let bob = account(&store.records, "bob").await;
    assert_eq!((bob.epoch, bob.disabled_at), (1, None));
    assert!(!format!("{bob:?}").contains("argon2"), "{bob:?}");
    let unknown = name("unknown");
    let scope = Scope::Login(unknown.clone());
    assert!(
        run!(store.records, scope, |tx| users::find(tx, &unknown)).unwrap().is_none()
    );
    let t1 = member("alice").organisation;
    let listed = run!(store.records, in_org_of("alice"), |tx| users::list(tx, &t1));
    let listed: Vec<_> = listed.unwrap().into_iter().map(|one| one.member).collect();
    assert_eq!(listed, [member("alice"), member("bob")]);
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Password,
    Role,
    Disabled(bool),
    SignOut,
}

async fn change(records: &Records, change: Change, username: &str) -> Option<SignedOut> {
    let (org, user) = (member(username).organisation, name(username));
    let later = NOW + 1;
    let scope = in_org_of(username);
    match change {
        Change::Password => {
            let epoch = account(records, username).await.epoch;
            run!(records, scope, |tx| users::change_password(
                tx, &org, &user, epoch, "new", later
            ))
        }
        Change::Role => {
            run!(records, scope, |tx| users::set_role(
                tx,
                &org,
                &user,
                Role::Admin,
                later
            ))
        }
        Change::Disabled(disabled) => run!(records, scope, |tx| users::set_disabled(
            tx, &org, &user, disabled, later
        )),
        Change::SignOut => {
            run!(records, scope, |tx| users::sign_out_everywhere(tx, &org, &user, later))
        }
    }
    .unwrap()
}

async fn refreshed(records: &Records, secret: &str) -> Rotated {
    let rotation = Rotation {
        token_hash: credential_hash(secret),
        new_token_hash: credential_hash(&format!("after {secret}")),
        successor_sealed: "sealed".to_owned(),
        now: NOW + 2,
        grace_ms: 0,
        max_tokens: 100,
    };
    let scope = Scope::CredentialHash(credential_hash(secret));
    run!(records, scope, |tx| refresh::rotate(tx, &rotation)).unwrap()
}

async fn account_change_revokes_earlier_credentials(store: Store) {
    add_accounts(&store).await;
    let changes =
        [Change::Password, Change::Role, Change::Disabled(false), Change::SignOut];
    log_in(&store.records, "bob", "bob's").await;
    for (number, kind) in changes.into_iter().enumerate() {
        let epoch = account(&store.records, "alice").await.epoch;
        let (one, two) = (format!("{number}-1"), format!("{number}-2"));
        for secret in [&one, &two] {
            let mut new = new_session("alice", secret);
            new.epoch = epoch;
            new.member = account(&store.records, "alice").await.member;
            let made = create(&store.records, new, 9, NOW).await.unwrap();
            assert!(matches!(made, Created::Yes(..)), "{kind:?}");
        }
        let ended = change(&store.records, kind, "alice").await.expect("alice is there");
        let mut hashes = [credential_hash(&one), credential_hash(&two)];
        hashes.sort();
        let mut sessions = ended.sessions;
        sessions.sort();
        assert_eq!((ended.epoch, sessions), (epoch + 1, hashes.to_vec()), "{kind:?}");
        for secret in [&one, &two] {
            let found = find(&store.records, secret, NOW + 2).await;
            assert_eq!(found, Found::Revoked { version: 2 }, "{kind:?}");
        }
    }
    let alice = account(&store.records, "alice").await;
    assert_eq!((alice.member.role, alice.password_hash.as_str()), (Role::Admin, "new"));
    assert!(matches!(find(&store.records, "bob's", NOW).await, Found::Live(_)));
    assert_password_change_revokes_family(&store.records).await;
}

async fn assert_password_change_revokes_family(records: &Records) {
    assert!(start_family(records, "bob", "bob's refresh").await);
    let ended = change(records, Change::Password, "bob").await.unwrap();
    assert_eq!(ended.families, ["family of bob's refresh"]);
    assert_eq!(refreshed(records, "bob's refresh").await, Rotated::Revoked);
}

async fn disabled_account_logs_in_after_it_is_enabled(store: Store) {
    add_accounts(&store).await;
    change(&store.records, Change::Disabled(true), "alice").await.unwrap();
    let locked = account(&store.records, "alice").await;
    assert_eq!(locked.disabled_at, Some(NOW + 1));
    let mut new = new_session("alice", "a");
    new.epoch = locked.epoch;
    let refused = create(&store.records, new.clone(), 9, NOW + 2).await.unwrap();
    assert_eq!(refused, Created::AccountChanged);
    new.epoch =
        change(&store.records, Change::Disabled(false), "alice").await.unwrap().epoch;
    assert_eq!(account(&store.records, "alice").await.disabled_at, None);
    let made = create(&store.records, new, 9, NOW + 2).await.unwrap();
    assert!(matches!(made, Created::Yes(..)));
}

async fn login_is_refused_after_a_concurrent_account_change(store: Store) {
    add_accounts(&store).await;
    change(&store.records, Change::Password, "alice").await.unwrap();
    let new = new_session("alice", "with the old password");
    let refused = create(&store.records, new, 9, NOW).await.unwrap();
    assert_eq!(refused, Created::AccountChanged);
    assert!(!start_family(&store.records, "alice", "with the old password").await);
    let found = find(&store.records, "with the old password", NOW).await;
    assert_eq!(found, Found::Unknown);
}

async fn racing_login_never_survives_a_sign_out(store: Store) {
    add_accounts(&store).await;
    let [one, two, three] = store.three().await;
    let mut epoch = 1;
    for round in 0..30 {
        let (first, second) = (format!("{round}-1"), format!("{round}-2"));
        let login = |secret: &str| {
            let mut new = new_session("alice", secret);
            new.epoch = epoch;
            new
        };
        let (_, _, ended) = tokio::join!(
            create(&one, login(&first), 9, NOW),
            create(&two, login(&second), 9, NOW),
            change(&three, Change::SignOut, "alice"),
        );
        epoch = ended.unwrap().epoch;
        for secret in [first, second] {
            let found = find(&one, &secret, NOW + IDLE / 2).await;
            let dead = matches!(found, Found::Unknown | Found::Revoked { .. });
            assert!(dead, "{secret} outlived its account's epoch: {found:?}");
        }
    }
}

/// Both changes were authorised by the same old password, which is invalid after the
/// first.
async fn one_of_two_parallel_password_changes_is_refused(store: Store) {
    add_accounts(&store).await;
    let mut changes = JoinSet::new();
    for (records, new) in store.three().await.into_iter().zip(["one", "other"]) {
        changes.spawn(async move {
            let (org, alice) = (member("alice").organisation, name("alice"));
            let changed = run!(records, in_org_of("alice"), |tx| users::change_password(
                tx, &org, &alice, 1, new, NOW
            ));
            changed.unwrap().map(|_| new)
        });
    }
    let changed: Vec<_> = changes.join_all().await.into_iter().flatten().collect();
    let after = account(&store.records, "alice").await;
    assert_eq!(changed, [after.password_hash.as_str()]);
    assert_eq!(after.epoch, 2);
}

async fn account_of_another_organisation_cannot_be_changed(store: Store) {
    add_accounts(&store).await;
    let (t2, alice) = (member("carol").organisation, name("alice"));
    let foreign = run!(store.records, in_org_of("carol"), |tx| users::change_password(
        tx, &t2, &alice, 1, "stolen", NOW
    ));
    assert_eq!(foreign.unwrap(), None);
    let after = account(&store.records, "alice").await;
    assert_eq!((after.epoch, after.password_hash.as_str()), (1, "$argon2id$ of alice"));
}
