//! A change that has begun runs to completion.

use super::*;
use crate::audit::AuditContext;
use crate::config::Config;
use crate::faults::WriteLock;
use crate::identity::AuthMethod;
use crate::sessions::SessionError;
use clap::Parser;
use records::Member;
use std::time::{Duration, Instant};
use upload_domain::passwords::{self, HashCost};

/// A server without Redis, with the account alice and the password `correct-horse`.
pub(crate) async fn server(folder: &tempfile::TempDir, design: &str) -> AppState {
    let users = folder.path().join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
    let alice = serde_json::json!({ "username": "alice", "password_hash": hash });
    let file = serde_json::json!({ "users": [alice] }).to_string();
    std::fs::write(&users, file).unwrap();
    let (folder, users) = (folder.path().to_str().unwrap(), users.to_str().unwrap());
    let flags =
        ["upload-server", "--design", design, "--data-dir", folder, "--users", users];
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
    let asked = apply(&app, &caller, &name, AccountChange::SignOut);
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
