//! A change that has begun comes to its end.

use super::*;
use crate::audit::AuditContext;
use crate::config::Config;
use crate::faults::Busy;
use crate::identity::Proof;
use crate::sessions::SessionError;
use clap::Parser;
use records::Member;
use std::time::{Duration, Instant};
use upload_domain::passwords::{self, HashCost};

/// A server without Redis, and alice with the password `correct-horse`.
pub(crate) async fn server(folder: &tempfile::TempDir, design: &str) -> AppState {
    let users = folder.path().join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Least).unwrap();
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

/// As axum does it with the handler of a client that has gone.
#[tokio::test]
async fn a_caller_who_goes_away_amid_a_change_leaves_no_proof_alive() {
    let folder = tempfile::tempdir().unwrap();
    let app = server(&folder, "memory").await;
    let Identity::Sessions(sessions) = &app.identity else { panic!("no sessions") };
    let audit = AuditContext { request_id: "test".to_owned(), at: now() };
    let id = sessions.start(&alice(), 1, &audit).await.unwrap();
    let caller = Caller { member: alice(), proof: Proof::Session(id.clone()), audit };

    let busy = Busy::with(&app.records).await;
    let name = alice().username;
    let asked = change(&app, &caller, &name, Change::SignOut);
    let answer = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(answer.is_err(), "the records are busy");
    assert_eq!(sessions.peek(&id).await, Ok(alice()));
    busy.end().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while sessions.peek(&id).await != Err(SessionError::Unknown) {
        assert!(Instant::now() < deadline, "it lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
