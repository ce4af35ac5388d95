//! Rounds with more work than one batch.

use super::*;
use crate::config::Config;
use backing_services::{Backing, Kind, ServiceType, database, offers};
use clap::Parser;
use records::OrgId;
use records::quota::Allowance;
use records::uploads::{Kind as By, MAX_OPEN_UPLOADS, Started};
use std::path::Path;
use upload_domain::display_name::DisplayName;
use upload_domain::passwords::{self, HashCost};
use upload_domain::username::Username;

const HOUR_MS: i64 = 3_600_000;

/// A server for alice and bob without a running janitor.
async fn server(folder: &Path, database_url: Option<&str>) -> AppState {
    let users = folder.join("users.json");
    let hash = passwords::hash("correct-horse", HashCost::Minimal).unwrap();
    let account = |name| serde_json::json!({ "username": name, "password_hash": hash });
    let accounts = serde_json::json!({ "users": [account("alice"), account("bob")] });
    std::fs::write(&users, accounts.to_string()).unwrap();
    let (data, users) = (folder.join("data"), users.to_str().unwrap());
    let flags = ["upload-server", "--design", "memory", "--users", users];
    let data = ["--data-dir", data.to_str().unwrap()];
    let url = database_url.iter().flat_map(|&url| ["--database-url", url]);
    let flags = flags.into_iter().chain(data).chain(url);
    AppState::open(&Config::parse_from(flags)).await.unwrap()
}

/// Runs a test on each database.
async fn on_each<Test: Future<Output = ()>>(test: impl Fn(AppState) -> Test) {
    let folder = tempfile::tempdir().unwrap();
    test(server(folder.path(), None).await).await;
    let offers = offers(ServiceType::Database).await;
    if offers.iter().any(|offer| offer.kind == Kind::Local && offer.found.is_ok()) {
        let folder = tempfile::tempdir().unwrap();
        let postgres = database(Backing::Local, folder.path()).await.unwrap();
        let url = records::Records::migrate(&postgres.url).await.unwrap().app_url;
        test(server(folder.path(), Some(&url)).await).await;
    }
}

/// Starts as many empty uploads as alice and bob may have, dated one hour back.
async fn start_uploads(app: &AppState, expires_at: i64) -> u64 {
    let created_at = u64::try_from(now() - HOUR_MS).unwrap();
    let mut count = 0;
    for name in ["alice", "bob"] {
        let owner = Member {
            organisation: OrgId::parse("main").unwrap(),
            username: Username::parse(name).unwrap(),
            role: Role::Member,
        };
        for _ in 0..MAX_OPEN_UPLOADS {
            let upload = Upload {
                upload_id: FileId::new(),
                kind: By::Tus,
                organisation: owner.organisation.clone(),
                owner: owner.username.clone(),
                name: DisplayName::from_client("a.txt"),
                content_type: "text/plain".to_owned(),
                size: 0,
                received: 0,
                blob_key: None,
                key: None,
                answer: None,
                created_at,
                expires_at: u64::try_from(expires_at).unwrap(),
            };
            let cause = AuditContext { request_id: "test".to_owned(), at: now() };
            let cause = cause.row(&owner, "upload.started", "test");
            let allowed = Allowance { bytes: 0, files: 1_000 };
            let (scope, owner) = (crate::files::store::scope_of(&owner), owner.clone());
            let started = app.records.run(scope, move |tx| {
                Box::pin(async move {
                    uploads::start(tx, &owner, &upload, allowed, &cause).await
                })
            });
            assert_eq!(started.await.unwrap(), Started::Yes);
            count += 1;
        }
    }
    count
}

#[tokio::test]
async fn one_round_removes_all_expired_uploads() {
    on_each(async |app| {
        let started = start_uploads(&app, now() - 1).await;
        assert!(started > BATCH_SIZE as u64);
        assert_eq!(remove_expired(&app).await.unwrap(), started);
        assert_eq!(remove_expired(&app).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn three_janitors_remove_each_upload_once() {
    on_each(async |app| {
        let started = start_uploads(&app, now() - 1).await;
        let rounds = (0..3).map(|_| remove_expired(&app));
        let removed = futures_util::future::try_join_all(rounds).await.unwrap();
        assert_eq!(removed.iter().sum::<u64>(), started, "{removed:?}");
    })
    .await;
}

#[tokio::test]
async fn one_round_finishes_all_complete_uploads() {
    on_each(async |app| {
        let started = start_uploads(&app, now() + HOUR_MS).await;
        assert_eq!(finish_uploads(&app).await.unwrap(), started);
        assert_eq!(finish_uploads(&app).await.unwrap(), 0);
    })
    .await;
}
