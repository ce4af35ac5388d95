//! What uploads may cost a server: memory that does not grow with them, and a disk that
//! may be full without anything being lost.

use crate::client::{Client, Options};
use crate::expect::equal;
use crate::fixture::{Fixture, Started};
use crate::form::{Form, Upload};
use crate::target::Way;
use anyhow::{Context, ensure};
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use futures_util::future::join_all;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// What a large upload may add to a server's peak memory, in KiB. Sixteen of them that
/// were held in memory would add 1.6 GB.
const MAY_GROW_KIB: u64 = 64 * 1024;

/// What headers without an end may add, in KiB.
const HEADERS_MAY_GROW_KIB: u64 = 10 * 1024;

/// 100 MB: what the contract promises to take.
const LARGE: usize = 100 * 1000 * 1000;

/// How many at once.
const AT_ONCE: usize = 4;

/// Four uploads of 100 MB at once must not be felt in memory.
pub async fn memory_does_not_grow_with_the_size_of_uploads(
    program: &str,
    way: Way,
) -> anyhow::Result<()> {
    let limit = LARGE.to_string();
    let started = Started::alone(program, way, &["--max-upload", &limit]).await?;
    let proof = started.sign_in(&started.alice).await?;
    let options = Options { timeout: Duration::from_secs(120), ..Options::default() };
    let client = Client::with(&started.base_url, options);
    client.upload(&proof, &Upload::of_size("small.bin", 1024)).await.done()?;

    let pid = started.server.pid();
    let before = peak_memory_kib(pid)?;
    let file = Upload::of_size("large.bin", LARGE);
    let uploads = (0..AT_ONCE).map(|_| client.upload(&proof, &file));
    for outcome in join_all(uploads).await {
        equal("the size", outcome.done()?.body.size, LARGE as u64)?;
    }
    let grown = peak_memory_kib(pid)?.saturating_sub(before);
    ensure!(
        grown < MAY_GROW_KIB,
        "expected: less than {MAY_GROW_KIB} KiB more\n  actual:   {grown} KiB"
    );
    Ok(())
}

/// A part whose headers never end has to be refused before it fills the memory.
pub async fn endless_part_headers_cost_no_memory(
    program: &str,
    way: Way,
) -> anyhow::Result<()> {
    let limit = LARGE.to_string();
    let started = Started::alone(program, way, &["--max-upload", &limit]).await?;
    let (client, proof) = started.as_alice().await?;
    let pid = started.server.pid();
    let before = peak_memory_kib(pid)?;
    let endless = format!("X-Endless: {}", "x".repeat(LARGE / 4));
    let form = Form::empty().part(&endless, b"").without_length();
    let refused = client.upload_form(&proof, form).await;
    refused.refused_as(ProblemKind::UploadTooLarge)?;
    let grown = peak_memory_kib(pid)?.saturating_sub(before);
    ensure!(
        grown < HEADERS_MAY_GROW_KIB,
        "expected: less than {HEADERS_MAY_GROW_KIB} KiB more\n  actual:   {grown} KiB"
    );
    Ok(())
}

/// Uploads to a disk that becomes full are refused, what was acknowledged stays, nothing
/// of the others is left, and the server goes on. For a server that was started by
/// [`on_a_small_disk`].
///
/// # Errors
/// When the server does otherwise.
pub async fn a_full_disk_loses_nothing(started: &Started) -> anyhow::Result<()> {
    let (client, proof) = started.as_alice().await?;
    let file = Upload::of_size("most.bin", 1_800_000);
    let kept = client.upload(&proof, &file).await.done()?.body;
    let uploads = (0..4).map(|_| client.upload(&proof, &file));
    for outcome in join_all(uploads).await {
        let refused = outcome.refused_as(ProblemKind::InsufficientStorage)?;
        ensure!(refused.header("retry-after").is_some(), "expected: Retry-After");
    }
    let list = client.list(&proof, &ListQuery::default()).await.done()?.body;
    equal("the number of files", list.files.len(), 1)?;
    let read = client.content(&proof, &kept.file_id).await.done()?;
    ensure!(read.body == file.bytes, "the acknowledged file has changed");
    client.delete(&proof, &kept.file_id).await.done()?;
    client.upload(&proof, &file).await.done().context("with room again")?;
    Ok(())
}

/// Starts the program where its data folder is a file system of its own, of 3 MB, that
/// is seen by this process alone and is gone with it. [`None`] when this machine lets
/// nobody make a small disk of their own; it says so.
///
/// # Errors
/// When it does not start.
pub async fn on_a_small_disk(
    fixture: &Fixture,
    program: &str,
    way: Way,
    more: &[&str],
) -> anyhow::Result<Option<Started>> {
    if !can_mount() {
        eprintln!("SKIPPED: no file system of one's own can be mounted here");
        return Ok(None);
    }
    fs::create_dir(fixture.data_dir())?;
    let data = fixture.data_dir();
    let script = format!(
        "mount -t tmpfs -o size=3m none '{}' && exec '{program}' \"$@\"",
        data.display()
    );
    let own_mounts = ["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"];
    fixture.start_by("unshare", &own_mounts, way, more).await.map(Some)
}

/// Whether the system lets an ordinary user mount something for itself.
fn can_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .args(["sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

/// The most memory that a process has had so far, in KiB (proc(5), `VmHWM`).
fn peak_memory_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.context("a Linux system says VmHWM")?.parse().context("a number")
}
