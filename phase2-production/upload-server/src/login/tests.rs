//! A login that races a change of its account.

use super::*;
use crate::account_change::{AccountChange, apply};
use crate::clock::now;
use crate::config::Config;
use clap::Parser;
use std::path::Path;
use upload_domain::passwords::{self, HashCost};

/// A server that keeps at most one session, in memory.
async fn server(design: &str, folder: &Path) -> AppState {
    let users = folder.join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
    let alice = serde_json::json!({ "username": "alice", "password_hash": hash });
    std::fs::write(&users, serde_json::json!({ "users": [alice] }).to_string()).unwrap();
    let (folder, users) = (folder.to_str().unwrap(), users.to_str().unwrap());
    let flags = ["upload-server", "--design", design, "--max-sessions", "1"];
    let flags = flags.into_iter().chain(["--data-dir", folder, "--users", users]);
    AppState::open(&Config::parse_from(flags)).await.unwrap()
}

#[tokio::test]
async fn login_superseded_by_account_change_leaves_no_session() {
    for design in ["memory", "replicated"] {
        let folder = tempfile::tempdir().unwrap();
        let app = server(design, folder.path()).await;
        let Identity::Sessions(sessions) = &app.identity else { panic!("no sessions") };
        let audit = AuditContext { request_id: "test".to_owned(), at: now() };
        let from = ClientAddress("127.0.0.1".parse().unwrap());
        let log_in = || app.accounts.log_in("alice", "correct-horse", from);

        let seen = log_in().await.unwrap();
        let auth = AuthMethod::Password { epoch: seen.epoch };
        let member = seen.member.clone();
        let caller = Caller { member: member.clone(), auth, audit: audit.clone() };
        apply(&app, &caller, &member.username, AccountChange::SignOut).await.unwrap();

        let late = start_session(&app, sessions, &seen, &audit).await;
        assert!(matches!(late, Err(Error::Login(LoginError::Wrong))), "{design}");
        let known = log_in().await.unwrap();
        let session = start_session(&app, sessions, &known, &audit).await;
        // The replicated design gossips an ended session first; it counts until then.
        assert!(session.is_ok() || design == "replicated", "the slot is free");
    }
}
