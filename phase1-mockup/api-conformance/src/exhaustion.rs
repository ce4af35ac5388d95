//! A server that runs out of a resource refuses with 503 or 507, keeps its process and what it
//! acknowledged, and serves again when there is more.
//!
//! Each function starts a program under one limit, so every server runs the same suite. The
//! memory check is short unless `EXHAUSTION_REQUESTS` is set, for example to 100000.

use crate::eventually::eventually;
use crate::fixture::{Fixture, Started};
use crate::process::PROCESS_TIMEOUT;
use crate::resources::{on_a_small_disk, resident_memory_kib};
use anyhow::{Context, ensure};
use api_contract::files::{FileCreated, ListQuery};
use api_contract::paths;
use api_contract::problem::{Problem, ProblemKind};
use client::expect::equal;
use client::raw::authority;
use client::{AuthScheme, CallResult, Client, Credential, Options, Upload};
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use std::process::Command;
use tokio::net::TcpStream;

/// File descriptors of a server in [`few_descriptors_end_no_connected_client`].
const DESCRIPTORS: usize = 64;

/// The largest file in [`file_size_limit_refuses_one_upload`]: more than the log of a SQLite
/// database needs.
const FILE_LIMIT_KIB: usize = 6 * 1024;

/// The largest file in [`small_files_fit_a_small_file_size_limit`]. SQLite's own limit of its
/// log is 4 MiB, and a small upload adds about 40 KiB.
const LOG_LIMIT_KIB: usize = 1024;

/// Uploads in [`small_files_fit_a_small_file_size_limit`].
const SMALL_FILES: usize = 60;

/// Requests of the short form of [`memory_is_flat_over_requests`].
const REQUESTS: usize = 6_000;

/// Kilobytes by which memory may grow, whatever the number of requests.
const MAX_GROWTH_KIB: u64 = 1_400;

/// Connections that send the requests.
const CONNECTIONS: usize = 4;

/// A program, and the flags that it needs besides those of the fixture.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its path.
    pub path: &'a str,
    /// How its callers authenticate.
    pub auth_scheme: AuthScheme,
    /// Its own flags.
    pub flags: &'a [&'a str],
}

impl Program<'_> {
    /// Starts the program from a shell that has run `limit` before, such as `ulimit -n 64`.
    async fn start_after(
        &self,
        fixture: &Fixture,
        limit: &str,
        more: &[&str],
    ) -> anyhow::Result<Started> {
        let script = format!("{limit} && exec \"$0\" \"$@\"");
        let flags = [self.flags, more].concat();
        let before = ["-c", &script, self.path];
        fixture.start_by("bash", &before, self.auth_scheme, &flags).await
    }
}

/// A disk that becomes read-only: `/readyz` says so, changes get 503, reads go on. After that
/// the server is ready again without a restart. Prints a message and checks nothing if the
/// machine does not allow private mounts.
///
/// # Errors
/// When the server behaves differently.
pub async fn read_only_disk_is_reported(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let Program { path, auth_scheme, flags } = program;
    let Some(started) = on_a_small_disk(fixture, path, auth_scheme, flags).await? else {
        return Ok(());
    };
    let (client, alice) = started.as_alice().await?;
    let file = Upload::new("kept", "kept");
    let kept = client.upload(&alice, &file).await.done()?.body.file_id;
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    remount(&started, fixture, "ro")?;
    readyz_becomes(&started, StatusCode::SERVICE_UNAVAILABLE, "files: ").await?;
    for _ in 0..2 {
        let refused = client.upload(&alice, &file).await;
        let refused = refused.refused_as(ProblemKind::FileStoreUnavailable)?;
        is_temporary(&refused.headers)?;
    }
    let read = client.content(&alice, &kept).await.done().context("a read")?;
    ensure!(read.body == file.bytes, "the acknowledged file has changed");
    client.list(&alice, &ListQuery::default()).await.done().context("the listing")?;
    remount(&started, fixture, "rw")?;
    readyz_becomes(&started, StatusCode::OK, "ready").await?;
    client.upload(&alice, &file).await.done().context("on a writable disk")?;
    client.delete(&alice, &kept).await.done()?;
    Ok(())
}

/// A file above the file size limit of the process (`ulimit -f`) gets 507, is not stored, and
/// the process goes on: the signal SIGXFSZ would end it.
///
/// # Errors
/// When the server behaves differently.
pub async fn file_size_limit_refuses_one_upload(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let (limit, larger) =
        (format!("ulimit -f {FILE_LIMIT_KIB}"), (FILE_LIMIT_KIB + 512) * 1024);
    let max_upload = (2 * larger).to_string();
    let flags = ["--max-upload", &max_upload];
    let started = program.start_after(fixture, &limit, &flags).await?;
    let (client, alice) = started.as_alice().await?;
    let small = Upload::of_size("small", 100_000);
    let kept = client.upload(&alice, &small).await.done()?.body.file_id;
    for _ in 0..2 {
        let refused = client.upload(&alice, &Upload::of_size("large", larger)).await;
        let refused = refused.refused_as(ProblemKind::InsufficientStorage)?;
        is_temporary(&refused.headers)?;
    }
    let list = client.list(&alice, &ListQuery::default()).await.done()?.body;
    equal("the number of files", list.files.len(), 1)?;
    let read = client.content(&alice, &kept).await.done()?;
    ensure!(read.body == small.bytes, "the acknowledged file has changed");
    client.upload(&alice, &small).await.done().context("after the refusals")?;
    readyz_becomes(&started, StatusCode::OK, "ready").await
}

/// Small changes go on under a file size limit that they exceed together: the log of a
/// SQLite database has to be written to the database before it reaches the limit.
///
/// # Errors
/// When the server behaves differently.
pub async fn small_files_fit_a_small_file_size_limit(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let limit = format!("ulimit -f {LOG_LIMIT_KIB}");
    let started = program.start_after(fixture, &limit, &[]).await?;
    let (client, alice) = started.as_alice().await?;
    let file = Upload::new("small", "x");
    for number in 1..=SMALL_FILES {
        let stored = client.upload(&alice, &file).await.done();
        stored.with_context(|| format!("file {number} of {SMALL_FILES}"))?;
    }
    started.as_alice().await?;
    readyz_becomes(&started, StatusCode::OK, "ready").await
}

/// More clients than descriptors: a connected client gets its answer, or 503. When the idle
/// clients leave, new ones are served.
///
/// # Errors
/// When the server behaves differently.
pub async fn few_descriptors_end_no_connected_client(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let limit = format!("ulimit -n {DESCRIPTORS}");
    let started = program.start_after(fixture, &limit, &[]).await?;
    let (client, alice) = started.as_alice().await?;
    let file = Upload::new("a", "a");
    client.upload(&alice, &file).await.done()?;
    let mut idle = Vec::new();
    for _ in 0..DESCRIPTORS + 6 {
        idle.push(TcpStream::connect(authority(&started.base_url)?).await?);
    }
    for _ in 0..3 {
        client.list(&alice, &ListQuery::default()).await.status()?;
        answered_or_temporary(client.upload(&alice, &file).await)?;
    }
    drop(idle);
    eventually(PROCESS_TIMEOUT, "service after the clients left", async || {
        let again = started.client().upload(&alice, &file).await;
        Ok(again.done().ok())
    })
    .await?;
    readyz_becomes(&started, StatusCode::OK, "ready").await
}

/// A log that cannot be written, such as one on a full disk, costs no request.
///
/// # Errors
/// When the server behaves differently.
pub async fn unwritable_log_costs_no_request(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let started = program.start_after(fixture, "exec 2>/dev/full", &[]).await?;
    let (client, alice) = started.as_alice().await?;
    for _ in 0..3 {
        client.upload(&alice, &Upload::new("a", "a")).await.done()?;
        let missing = client.content(&alice, &crate::checks::nonexistent_id()).await;
        missing.refused_as(ProblemKind::FileNotFound)?;
    }
    readyz_becomes(&started, StatusCode::OK, "ready").await
}

/// Memory after many requests is that after few.
///
/// # Errors
/// When it is not.
pub async fn memory_is_flat_over_requests(
    fixture: &Fixture,
    program: Program<'_>,
) -> anyhow::Result<()> {
    let wanted = std::env::var("EXHAUSTION_REQUESTS").ok();
    let requests = wanted.and_then(|text| text.parse().ok()).unwrap_or(REQUESTS);
    let more = [program.flags, &["--requests-per-second", "1000000"]].concat();
    let is_limited = program.flags.contains(&"--design");
    let flags = if is_limited { &more[..] } else { program.flags };
    let started = fixture.start(program.path, program.auth_scheme, flags).await?;
    let alice = started.sign_in(&started.alice).await?;
    send_many(&started, &alice, requests / 3).await?;
    let before = resident_memory_kib(started.server.pid())?;
    send_many(&started, &alice, requests).await?;
    let growth = resident_memory_kib(started.server.pid())?.saturating_sub(before);
    ensure!(growth < MAX_GROWTH_KIB, "{requests} requests left {growth} KiB");
    Ok(())
}

async fn send_many(
    started: &Started,
    alice: &Credential,
    requests: usize,
) -> anyhow::Result<()> {
    let sending = (0..CONNECTIONS).map(|_| async {
        let client = started.client();
        for _ in 0..requests / CONNECTIONS {
            client.list(alice, &ListQuery::default()).await.done()?;
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(sending).await?;
    Ok(())
}

/// Remounts the private disk of [`on_a_small_disk`], as `ro` or `rw`.
fn remount(started: &Started, fixture: &Fixture, mode: &str) -> anyhow::Result<()> {
    let (pid, options) =
        (started.server.pid().to_string(), format!("remount,bind,{mode}"));
    let done = Command::new("nsenter")
        .args(["--target", &pid, "--user", "--mount", "--preserve-credentials"])
        .args(["mount", "-o", &options])
        .arg(fixture.data_dir())
        .output()
        .context("nsenter")?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Waits until `/readyz` has this status and a body that contains `text`.
///
/// # Errors
/// When it does not in time.
pub async fn readyz_becomes(
    started: &Started,
    status: StatusCode,
    text: &str,
) -> anyhow::Result<()> {
    let options = Options { reuse_connections: false, ..Options::default() };
    let client = Client::with(&started.base_url, options);
    let condition = format!("/readyz with {status} and {text:?}");
    eventually(PROCESS_TIMEOUT, &condition, async || {
        let reply = client.send(client.request(Method::GET, paths::READYZ)).await?;
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        if reply.status == StatusCode::SERVICE_UNAVAILABLE {
            let problem: Problem = serde_json::from_slice(&reply.body)?;
            equal("the problem", problem.slug(), ProblemKind::NotReady.slug())?;
        }
        Ok((reply.status == status && body.contains(text)).then_some(()))
    })
    .await
}

fn is_temporary(headers: &http::HeaderMap) -> anyhow::Result<()> {
    ensure!(headers.contains_key(RETRY_AFTER), "expected: Retry-After");
    Ok(())
}

fn answered_or_temporary(outcome: CallResult<FileCreated>) -> anyhow::Result<()> {
    if let CallResult::Refused(reply) = outcome {
        equal("the status", reply.status, StatusCode::SERVICE_UNAVAILABLE)?;
        return is_temporary(&reply.headers);
    }
    outcome.done()?;
    Ok(())
}
