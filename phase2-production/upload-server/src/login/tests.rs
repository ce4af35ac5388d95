//! A login that races a change of its account, and the limit of live sessions.

use super::*;
use crate::account_change::{AccountChange, apply};
use crate::clock::now;
use crate::config::Config;
use clap::Parser;
use std::path::Path;
use std::time::Duration;
use upload_domain::passwords::{self, HashCost};

/// A server that keeps at most `max_sessions`, in memory.
async fn server(design: &str, max_sessions: usize, folder: &Path) -> AppState {
    let users = folder.join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
    let alice = serde_json::json!({ "username": "alice", "password_hash": hash });
    std::fs::write(&users, serde_json::json!({ "users": [alice] }).to_string()).unwrap();
    let max_sessions = max_sessions.to_string();
    let (folder, users) = (folder.to_str().unwrap(), users.to_str().unwrap());
    let flags = ["upload-server", "--design", design, "--max-sessions", &max_sessions];
    let flags = flags.into_iter().chain(["--data-dir", folder, "--users", users]);
    AppState::open(&Config::parse_from(flags)).await.unwrap()
}

#[tokio::test]
async fn login_superseded_by_account_change_leaves_no_session() {
    for design in ["memory", "replicated"] {
        let folder = tempfile::tempdir().unwrap();
        let app = server(design, 1, folder.path()).await;
        let Identity::Sessions(sessions) = &app.identity else { panic!("no sessions") };
        let audit = AuditContext { request_id: "test".to_owned(), at: now() };
        let from = ClientAddress("127.0.0.1".parse().unwrap());
        let log_in = || app.accounts.log_in("alice", "correct-horse", from);

        let seen = log_in().await.unwrap();
        let auth = AuthMethod::Password { epoch: seen.epoch };
        let member = seen.member.clone();
        let caller = Caller { member: member.clone(), auth, audit: audit.clone() };
        apply(&app, &caller, &member.username, vec![AccountChange::SignOut])
            .await
            .unwrap();

        let late = start_session(&app, sessions, &seen, &audit).await;
        assert!(matches!(late, Err(Error::Login(LoginError::Wrong))), "{design}");
        let known = log_in().await.unwrap();
        let session = start_session(&app, sessions, &known, &audit).await;
        assert!(session.is_ok(), "{design}: the slot is free");
    }
}

/// A replica that a busy machine has paused refuses until it has caught up.
async fn end_session(sessions: &Sessions, id: &SessionId, audit: &AuditContext) {
    while sessions.end(id, audit).await == Err(SessionError::Unavailable) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn only_live_sessions_count_for_max_sessions() {
    const MAX: usize = 3;
    for design in ["memory", "replicated"] {
        let folder = tempfile::tempdir().unwrap();
        let app = server(design, MAX, folder.path()).await;
        let Identity::Sessions(sessions) = &app.identity else { panic!("no sessions") };
        let audit = AuditContext { request_id: "test".to_owned(), at: now() };
        let from = ClientAddress("127.0.0.1".parse().unwrap());
        let known = app.accounts.log_in("alice", "correct-horse", from).await.unwrap();
        let start = || start_session(&app, sessions, &known, &audit);

        for _ in 0..=MAX {
            let session = start().await.expect(design);
            end_session(sessions, &session, &audit).await;
        }
        let mut live = Vec::new();
        for _ in 0..MAX {
            live.push(start().await.expect(design));
        }
        assert!(matches!(start().await, Err(Error::TooManySessions)), "{design}");
        end_session(sessions, &live[0], &audit).await;
        assert!(start().await.is_ok(), "{design}: one slot is free");
    }
}
