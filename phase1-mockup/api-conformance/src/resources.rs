//! Resource use of uploads: bounded memory, and no data loss on a full disk.

use crate::fixture::{Fixture, Started};
use anyhow::{Context, ensure};
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{AuthScheme, Client, Form, Options, Upload};
use futures_util::future::join_all;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// The largest allowed growth of a server's peak memory during large uploads, in KiB.
const MAX_GROWTH_KIB: u64 = 64 * 1024;

/// The largest allowed growth during endless part headers, in KiB.
const MAX_HEADER_GROWTH_KIB: u64 = 10 * 1024;

/// The size of a large upload in bytes (100 MB).
const LARGE: usize = 100 * 1000 * 1000;

/// The number of concurrent uploads.
const CONCURRENT_UPLOADS: usize = 4;

/// Four concurrent uploads of 100 MB must not be held in memory.
pub async fn memory_is_independent_of_upload_size(
    program: &str,
    auth_scheme: AuthScheme,
) -> anyhow::Result<()> {
    let limit = LARGE.to_string();
    let started = Started::start(program, auth_scheme, &["--max-upload", &limit]).await?;
    let credential = started.sign_in(&started.alice).await?;
    let options = Options { timeout: Duration::from_secs(120), ..Options::default() };
    let client = Client::with(&started.base_url, options);
    client.upload(&credential, &Upload::of_size("small.bin", 1024)).await.done()?;

    let pid = started.server.pid();
    let before = peak_memory_kib(pid)?;
    let file = Upload::of_size("large.bin", LARGE);
    let uploads = (0..CONCURRENT_UPLOADS).map(|_| client.upload(&credential, &file));
    for outcome in join_all(uploads).await {
        equal("the size", outcome.done()?.body.size, LARGE as u64)?;
    }
    let growth = peak_memory_kib(pid)?.saturating_sub(before);
    ensure!(
        growth < MAX_GROWTH_KIB,
        "expected: less than {MAX_GROWTH_KIB} KiB more\n  actual:   {growth} KiB"
    );
    Ok(())
}

/// A part with endless headers must be refused before it fills the memory.
pub async fn endless_part_headers_use_bounded_memory(
    program: &str,
    auth_scheme: AuthScheme,
) -> anyhow::Result<()> {
    let limit = LARGE.to_string();
    let started = Started::start(program, auth_scheme, &["--max-upload", &limit]).await?;
    let (client, credential) = started.as_alice().await?;
    let pid = started.server.pid();
    let before = peak_memory_kib(pid)?;
    let endless = format!("X-Endless: {}", "x".repeat(LARGE / 4));
    let form = Form::empty().part(&endless, b"").without_length();
    let refused = client.upload_form(&credential, form).await;
    refused.refused_as(ProblemKind::UploadTooLarge)?;
    let growth = peak_memory_kib(pid)?.saturating_sub(before);
    ensure!(
        growth < MAX_HEADER_GROWTH_KIB,
        "expected: less than {MAX_HEADER_GROWTH_KIB} KiB more\n  actual:   {growth} KiB"
    );
    Ok(())
}

/// Uploads to a full disk are refused, acknowledged files are kept, partial files are removed,
/// and uploads work again after a deletion. The server must be started by [`on_a_small_disk`].
///
/// # Errors
/// When the server behaves differently.
pub async fn full_disk_loses_no_acknowledged_file(
    started: &Started,
) -> anyhow::Result<()> {
    let (client, credential) = started.as_alice().await?;
    let file = Upload::of_size("most.bin", 1_800_000);
    let kept = client.upload(&credential, &file).await.done()?.body;
    let uploads = (0..4).map(|_| client.upload(&credential, &file));
    for outcome in join_all(uploads).await {
        let refused = outcome.refused_as(ProblemKind::InsufficientStorage)?;
        ensure!(refused.header("retry-after").is_some(), "expected: Retry-After");
    }
    let list = client.list(&credential, &ListQuery::default()).await.done()?.body;
    equal("the number of files", list.files.len(), 1)?;
    let read = client.content(&credential, &kept.file_id).await.done()?;
    ensure!(read.body == file.bytes, "the acknowledged file has changed");
    client.delete(&credential, &kept.file_id).await.done()?;
    client.upload(&credential, &file).await.done().context("after the deletion")?;
    Ok(())
}

/// Starts the program with its data folder on a separate file system of 3 MB in a private mount
/// namespace, which ends with the process. Prints a message and returns [`None`] if the machine
/// does not allow such mounts.
///
/// # Errors
/// When it does not start.
pub async fn on_a_small_disk(
    fixture: &Fixture,
    program: &str,
    auth_scheme: AuthScheme,
    more: &[&str],
) -> anyhow::Result<Option<Started>> {
    if !can_mount() {
        eprintln!("SKIPPED: private mounts are not allowed here");
        return Ok(None);
    }
    fs::create_dir(fixture.data_dir())?;
    let data = fixture.data_dir();
    let script = format!(
        "mount -t tmpfs -o size=3m none '{}' && exec '{program}' \"$@\"",
        data.display()
    );
    let own_mounts = ["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"];
    fixture.start_by("unshare", &own_mounts, auth_scheme, more).await.map(Some)
}

/// Whether the system allows private mounts for an unprivileged user.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

/// The peak memory of a process in KiB (proc(5), `VmHWM`).
fn peak_memory_kib(pid: u32) -> anyhow::Result<u64> {
    status_field(pid, "VmHWM:")
}

/// The resident memory of a process in KiB (proc(5), `VmRSS`).
///
/// # Errors
/// When the system does not report it.
pub fn resident_memory_kib(pid: u32) -> anyhow::Result<u64> {
    status_field(pid, "VmRSS:")
}

fn status_field(pid: u32, name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    value.with_context(|| format!("Linux reports {name}"))?.parse().context("a number")
}
