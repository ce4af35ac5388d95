//! The server without descriptors, disk space, memory or database connections: see
//! `api_conformance::exhaustion`.

use crate::PROGRAM;
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, bail, ensure};
use api_conformance::exhaustion::{
    Program, few_descriptors_end_no_connected_client, file_size_limit_refuses_one_upload,
    memory_is_flat_over_requests, read_only_disk_is_reported, readyz_becomes,
    small_files_fit_a_small_file_size_limit, unwritable_log_costs_no_request,
};
use api_conformance::fixture::{Fixture, Started};
use api_conformance::resources::on_a_small_disk;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use backing_services::{Backing, s3};
use client::expect::equal;
use client::{AuthScheme, CallResult, Upload};
use futures_util::future::join_all;
use http::StatusCode;
use http::header::RETRY_AFTER;
use sqlx::Connection;
use std::fs;
use std::process::Command;

/// Callers at once: more than the pool has connections.
const CALLERS: usize = 24;

const SERVER: Program<'_> = Program {
    path: PROGRAM,
    auth_scheme: AuthScheme::Token,
    flags: &["--design", "token"],
};

/// The database is on another disk, so that only the blobs are read-only.
#[tokio::test]
async fn read_only_disk_makes_server_not_ready() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let records = fixture.folder().join("records.sqlite");
    let url = format!("sqlite://{}?mode=rwc", records.display());
    let flags = [SERVER.flags, &["--database-url", &url]].concat();
    read_only_disk_is_reported(&fixture, Program { flags: &flags, ..SERVER }).await
}

/// Runs a command with the mounts of a server that [`on_a_small_disk`] started.
fn with_mounts_of(started: &Started, command: &[&str]) -> anyhow::Result<()> {
    let pid = started.server.pid().to_string();
    let done = Command::new("nsenter")
        .args(["--target", &pid, "--user", "--mount", "--preserve-credentials"])
        .args(command)
        .output()
        .context("nsenter")?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// An open SQLite file keeps its disk from being remounted read-only. So a read-only disk is
/// mounted over its folder.
#[tokio::test]
async fn read_only_disk_of_database_makes_server_not_ready() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let folder = fixture.folder().join("database");
    fs::create_dir(&folder)?;
    let folder = folder.display().to_string();
    let url = format!("sqlite://{folder}/records.sqlite?mode=rwc");
    let flags = [SERVER.flags, &["--database-url", &url]].concat();
    let started = on_a_small_disk(&fixture, PROGRAM, SERVER.auth_scheme, &flags).await?;
    let Some(started) = started else { return Ok(()) };
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    let mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", &folder];
    with_mounts_of(&started, &mount)?;
    let reason = "records: cannot be written";
    readyz_becomes(&started, StatusCode::SERVICE_UNAVAILABLE, reason).await?;
    with_mounts_of(&started, &["umount", "--lazy", &folder])?;
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    let (client, alice) = started.as_alice().await?;
    client.upload(&alice, &Upload::new("a", "a")).await.done()?;
    Ok(())
}

/// An upload to a bucket waits in a temporary file until it has the size of a part.
#[tokio::test]
async fn missing_temporary_folder_makes_server_not_ready() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let store = s3(Backing::Local, fixture.folder()).await?;
    let folder = fixture.folder().join("temporary");
    let away = fixture.folder().join("away");
    fs::create_dir(&folder)?;
    let variable = format!("TMPDIR={}", folder.display());
    let flags = [SERVER.flags, &["--files-url", &store.url]].concat();
    let started = fixture
        .start_by("env", &[&variable, PROGRAM], SERVER.auth_scheme, &flags)
        .await?;
    let (client, alice) = started.as_alice().await?;
    let file = Upload::of_size("a", 300_000);
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    client.upload(&alice, &file).await.done()?;
    fs::rename(&folder, &away)?;
    let reason = "scratch: cannot be written";
    readyz_becomes(&started, StatusCode::SERVICE_UNAVAILABLE, reason).await?;
    let refused = client.upload(&alice, &file).await;
    refused.refused_as(ProblemKind::FileStoreUnavailable)?;
    fs::rename(&away, &folder)?;
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    client.upload(&alice, &file).await.done()?;
    Ok(())
}

#[tokio::test]
async fn file_above_process_limit_returns_507() -> anyhow::Result<()> {
    file_size_limit_refuses_one_upload(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn small_uploads_never_fill_the_log_of_the_database() -> anyhow::Result<()> {
    small_files_fit_a_small_file_size_limit(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn lack_of_descriptors_causes_no_server_error() -> anyhow::Result<()> {
    few_descriptors_end_no_connected_client(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn full_log_device_causes_no_server_error() -> anyhow::Result<()> {
    unwritable_log_costs_no_request(&Fixture::new()?, SERVER).await
}

#[tokio::test]
async fn memory_does_not_grow_with_requests() -> anyhow::Result<()> {
    memory_is_flat_over_requests(&Fixture::new()?, SERVER).await
}

/// Every connection waits for a lock of another program. Each caller gets 503, the log names
/// the limit that was reached, and the server works again without a restart.
#[tokio::test]
async fn full_connection_pool_returns_503_and_names_its_limit() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let server = stores.replica("token", &[]).await?;
    let (client, alice) = server.as_alice().await?;
    client.list(&alice, &ListQuery::default()).await.done()?;
    let mut owner = stores.owner().await?;
    let mut lock = owner.begin().await?;
    sqlx::query("LOCK TABLE files IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await?;
    let page = ListQuery::default();
    for outcome in join_all((0..CALLERS).map(|_| client.list(&alice, &page))).await {
        let CallResult::Refused(refused) = outcome else { bail!("{outcome:?}") };
        let store = [
            ProblemKind::RecordsUnavailable.slug(),
            ProblemKind::SessionStoreUnavailable.slug(),
        ];
        ensure!(store.contains(&refused.body.slug()), "{}", refused.body.slug());
        ensure!(refused.headers.contains_key(RETRY_AFTER), "no Retry-After");
    }
    server.server.logged(&["time limit", "database connection"]).await?;
    lock.rollback().await?;
    client.list(&alice, &page).await.done()?;
    equal("the process", server.server.log().contains("panicked"), false)
}
