//! Rounds with more work than one batch.

use super::*;
use crate::config::Config;
use crate::faults::WriteLock;
use backing_services::{Backing, Kind, ServiceType, database, offers};
use clap::Parser;
use records::quota::Allowance;
use records::uploads::{Kind as By, MAX_OPEN_UPLOADS, Started};
use records::{Member, OrgId, Role};
use std::fs;
use std::path::Path;
use std::time::SystemTime;
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

/// An upload of no bytes, with a name for a blob, that was started an hour ago.
fn empty_upload(owner: &Member, expires_at: i64) -> Upload {
    Upload {
        upload_id: FileId::new(),
        kind: By::Tus,
        organisation: owner.organisation.clone(),
        owner: owner.username.clone(),
        name: DisplayName::from_client("a.txt"),
        content_type: "text/plain".to_owned(),
        size: 0,
        received: 0,
        blob_key: Some(format!("incoming/main/{}", FileId::new())),
        key: None,
        answer: None,
        created_at: u64::try_from(now() - HOUR_MS).unwrap(),
        expires_at: u64::try_from(expires_at).unwrap(),
        metadata: None,
        epoch: None,
    }
}

/// Starts as many empty uploads as alice and bob may have, dated one hour back.
async fn start_uploads(app: &AppState, expires_at: i64) -> u64 {
    let mut count = 0;
    for name in ["alice", "bob"] {
        let owner = Member {
            organisation: OrgId::parse("main").unwrap(),
            username: Username::parse(name).unwrap(),
            role: Role::Member,
        };
        for _ in 0..MAX_OPEN_UPLOADS {
            let upload = empty_upload(&owner, expires_at);
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
        assert_eq!(remove_expired(&app, now()).await.unwrap(), started);
        assert_eq!(remove_expired(&app, now()).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn three_janitors_remove_each_upload_once() {
    on_each(async |app| {
        let started = start_uploads(&app, now() - 1).await;
        let rounds = (0..3).map(|_| remove_expired(&app, now()));
        let removed = futures_util::future::try_join_all(rounds).await.unwrap();
        assert_eq!(removed.iter().sum::<u64>(), started, "{removed:?}");
    })
    .await;
}

#[tokio::test]
async fn one_round_finishes_all_complete_uploads() {
    on_each(async |app| {
        let started = start_uploads(&app, now() + HOUR_MS).await;
        assert_eq!(finish_uploads(&app, now()).await.unwrap(), started);
        assert_eq!(finish_uploads(&app, now()).await.unwrap(), 0);
    })
    .await;
}

/// Writes a blob that is older than the orphan grace.
fn write_old_blob(folder: &Path, key: &str) {
    let path = folder.join("data/blobs").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "old").unwrap();
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
}

/// The blobs that uploads have names for fill the first batches of the listing.
async fn write_upload_blobs(app: &AppState, folder: &Path) {
    start_uploads(app, now() - 1).await;
    let uploads = app.records.read(Scope::Housekeeping, |tx| {
        Box::pin(async move { uploads::expired(tx, now(), 10 * BATCH_SIZE).await })
    });
    let uploads = uploads.await.unwrap();
    assert!(uploads.len() > BATCH_SIZE);
    for upload in uploads {
        write_old_blob(folder, &upload.blob_key.unwrap());
    }
}

/// On a busy machine a comparison of the clocks may fail, which ends a round early.
const MAX_ROUNDS: usize = 50;

#[tokio::test]
async fn next_round_continues_listing_where_the_last_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let app = server(folder.path(), None).await;
    write_upload_blobs(&app, folder.path()).await;
    write_old_blob(folder.path(), "parts/main/orphan");
    let mut sweep = OrphanSweep::default();
    let mut removed = Vec::<u64>::new();
    while removed.iter().sum::<u64>() == 0 && removed.len() < MAX_ROUNDS {
        removed.push(remove_orphans(&app, &mut sweep, Duration::ZERO).await.unwrap());
    }
    assert_eq!(removed.last(), Some(&1), "the orphan was never reached");
    assert!(removed.len() > 2, "a round did not stop at its limit: {removed:?}");
    assert!(!folder.path().join("data/blobs/parts/main/orphan").exists());
}

#[tokio::test]
async fn orphans_are_removed_while_the_database_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let app = server(folder.path(), None).await;
    write_old_blob(folder.path(), "files/main/orphan");
    let url = format!("sqlite://{}", folder.path().join("data/records.sqlite").display());
    let other = records::Records::open(&url, records::PoolLimits::default());
    let other = other.await.unwrap();
    let lock = WriteLock::hold(&other).await;
    let (mut sweep, mut removed) = (OrphanSweep::default(), 0);
    for _ in 0..MAX_ROUNDS {
        removed += remove_orphans(&app, &mut sweep, TASK_TIME_LIMIT).await.unwrap();
        if removed > 0 {
            break;
        }
    }
    assert_eq!(removed, 1);
    lock.release().await;
}
