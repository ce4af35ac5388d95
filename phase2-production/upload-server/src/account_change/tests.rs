//! A change that has begun runs to completion.

use super::*;
use crate::audit::AuditContext;
use crate::clock::now;
use crate::config::Config;
use crate::faults::WriteLock;
use crate::identity::AuthMethod;
use crate::sessions::SessionError;
use clap::Parser;
use records::Member;
use std::time::{Duration, Instant};
use upload_domain::passwords::{self, HashCost};

/// A server without Redis, with the member alice, the admin root, and the password
/// `correct-horse`.
pub(crate) async fn server(folder: &tempfile::TempDir, design: &str) -> AppState {
    server_with(folder, design, &[]).await
}

async fn server_with(
    folder: &tempfile::TempDir,
    design: &str,
    more: &[&str],
) -> AppState {
    let users = folder.path().join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
    let alice = serde_json::json!({ "username": "alice", "password_hash": hash });
    let root = serde_json::json!(
        { "username": "root", "password_hash": hash, "admin": true }
    );
    let file = serde_json::json!({ "users": [alice, root] }).to_string();
    std::fs::write(&users, file).unwrap();
    let (folder, users) = (folder.path().to_str().unwrap(), users.to_str().unwrap());
    let flags =
        ["upload-server", "--design", design, "--data-dir", folder, "--users", users];
    let flags = flags.iter().chain(more);
    AppState::open(&Config::parse_from(flags)).await.unwrap()
}

pub(crate) fn alice() -> Member {
    Member {
        organisation: OrgId::parse("main").unwrap(),
        username: Username::parse("alice").unwrap(),
        role: Role::Member,
    }
}

/// axum drops the handler of a disconnected client; the test drops the future in the same
/// way.
#[tokio::test]
async fn disconnect_during_account_change_leaves_no_valid_session() {
    let folder = tempfile::tempdir().unwrap();
    let app = server(&folder, "memory").await;
    let Identity::Sessions(sessions) = &app.identity else { panic!("no sessions") };
    let audit = AuditContext { request_id: "test".to_owned(), at: now() };
    let id = sessions.start(&alice(), 1, &audit).await.unwrap();
    let caller = Caller { member: alice(), auth: AuthMethod::Session(id.clone()), audit };

    let lock = WriteLock::hold(&app.records).await;
    let name = alice().username;
    let asked = apply(&app, &caller, &name, vec![AccountChange::SignOut]);
    let answer = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(answer.is_err(), "the database is locked");
    assert_eq!(sessions.peek(&id).await, Ok(alice()));
    lock.release().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while sessions.peek(&id).await != Err(SessionError::Unknown) {
        assert!(Instant::now() < deadline, "the session is still live");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The credential of a former admin may still say that it is one.
#[tokio::test]
async fn former_admin_signs_out_no_other_account() {
    let folder = tempfile::tempdir().unwrap();
    let app = server(&folder, "memory").await;
    let audit = AuditContext { request_id: "test".to_owned(), at: now() };
    let member = Member { role: Role::Admin, ..alice() };
    let caller = Caller { member, auth: AuthMethod::Password { epoch: 1 }, audit };
    let root = Username::parse("root").unwrap();
    let refused = apply(&app, &caller, &root, vec![AccountChange::SignOut]).await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
    let own = alice().username;
    let done = apply(&app, &caller, &own, vec![AccountChange::SignOut]).await;
    assert!(done.is_ok(), "{done:?}");
}

/// Logins of years in one statement, as an older version of this program left them.
async fn add_families(app: &AppState, count: i64) {
    let scope = records::Scope::Organisation(alice().organisation);
    let added = app.records.run(scope, move |tx| {
        Box::pin(async move {
            let added = sqlx::query(
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 \
                 FROM numbers WHERE n < $1) INSERT INTO refresh_families (family, \
                 organisation, username, created_at, last_used_at, expires_at) \
                 SELECT 'family ' || n, 'main', 'alice', $2, $2, $2 + 604800000 \
                 FROM numbers",
            );
            added.bind(count).bind(now()).execute(tx).await?;
            Ok(())
        })
    });
    added.await.unwrap();
}

async fn live_families(app: &AppState) -> i64 {
    let scope = records::Scope::Organisation(alice().organisation);
    let live = app.records.read(scope, |tx| {
        Box::pin(async move {
            let live = "SELECT COUNT(*) FROM refresh_families \
                        WHERE username = 'alice' AND revoked_at IS NULL";
            Ok(sqlx::query_scalar(live).fetch_one(tx).await?)
        })
    });
    live.await.unwrap()
}

/// The number of logins of an account never decides whether its credentials can be
/// revoked.
#[tokio::test]
async fn account_with_sixty_thousand_logins_is_signed_out() {
    const FAMILIES: i64 = 60_000;
    for revocation in ["deny-list", "token-version"] {
        let folder = tempfile::tempdir().unwrap();
        let app = server_with(&folder, "token", &["--revocation", revocation]).await;
        let audit = AuditContext { request_id: "test".to_owned(), at: now() };
        let auth = AuthMethod::Password { epoch: 1 };
        let username = Username::parse("root").unwrap();
        let root = Member { username, role: Role::Admin, ..alice() };
        let caller = Caller { member: root, auth, audit };
        let changes = [
            AccountChange::SignOut,
            AccountChange::Disabled(true),
            AccountChange::Role(Role::Member),
        ];
        for change in changes {
            let name = format!("{revocation}: {}", change.action());
            add_families(&app, FAMILIES).await;
            let changed = apply(&app, &caller, &alice().username, vec![change]).await;
            assert!(changed.is_ok(), "{name}: {changed:?}");
            assert_eq!(live_families(&app).await, 0, "{name}");
            let removed = app.records.run(records::Scope::Housekeeping, |tx| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM refresh_families").execute(tx).await?;
                    Ok(())
                })
            });
            removed.await.unwrap();
        }
        app.records.close().await;
    }
}

/// A login revokes what is beyond the limit, a bounded number at a time.
#[tokio::test]
async fn login_after_sixty_thousand_logins_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let app = server_with(&folder, "token", &["--revocation", "deny-list"]).await;
    add_families(&app, 60_000).await;
    let Identity::Tokens(tokens) = &app.identity else { panic!("no tokens") };
    let audit = AuditContext { request_id: "test".to_owned(), at: now() };
    for _ in 0..3 {
        let before = live_families(&app).await;
        tokens.issue(&alice(), 1, &audit).await.unwrap();
        assert!(live_families(&app).await < before, "the backlog does not shrink");
    }
}
