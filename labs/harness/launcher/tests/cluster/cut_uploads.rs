//! An upload that is interrupted at a random byte resumes on another replica, and the stored
//! bytes are the sent bytes.

use crate::testbed::{DESIGNS, TestCluster, logged_in, with_shared_cluster};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use fault_proxy::{Direction, FaultProxy, Toxic};
use launcher::Design;
use launcher::commands::MemberAction;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use workload::content::TestFile;
use workload::entry::{Entry, OperationOutcome, ReplyValue};
use workload::virtual_user::{ChunkedUpload, LoginCredential, UploadState, VirtualUser};

/// The upload in bytes: several of the chunks that the server stores at a time (1 MiB).
const SIZE: usize = 6_000_000;
const SEED: u64 = 11;

/// The longest time until the other replica reports the offset.
const OFFSET_TIMEOUT: Duration = Duration::from_secs(20);

fn cut_after(bytes: u64, proxy: &FaultProxy) {
    // The server loses the bytes that it has not read when the connection is reset.
    proxy.add(Direction::ToServer, Toxic::Bandwidth { bytes_per_second: 6_000_000 });
    proxy.add(Direction::ToServer, Toxic::LimitData { bytes });
}

/// The connection ends after a random number of bytes and its replica is killed. Another
/// replica reports the offset and accepts the remaining bytes.
async fn interrupt_and_resume(fixture: &TestCluster, seed: u64) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let trial = fixture.trial("an_upload_that_is_cut", seed, 1);
    let urls = fixture.replica_urls().await?;
    let target = urls[0].trim_start_matches("http://");
    let proxy = FaultProxy::start(target.parse()?, seed).await?;
    let mut before = trial.user(0, &format!("http://{}", proxy.address()));
    let credential = logged_in(&mut before).await?;
    let content = TestFile::new(0, &before.account.username, 1, SIZE, &mut rng);
    let started = before.create_upload(&credential, content.clone()).await.1;
    let started = started.context("no upload was created")?;
    let cut_at = rng.random_range(SIZE / 2..SIZE * 19 / 20);
    cut_after(cut_at as u64, &proxy);
    let (result, _) = before.send_chunk(&credential, &started, 0, SIZE).await;
    let interrupted = result.outcome == OperationOutcome::Info;
    ensure!(interrupted, "the upload was not interrupted: {result:?}");
    let mut after = before.at_url(&urls[1]);
    let credential = match fixture.design {
        // An upload does not depend on the login: it resumes after a new one.
        Design::Memory | Design::Sticky => logged_in(&mut after).await?,
        _ => credential,
    };
    let stored = async || {
        let offset = after.read_offset(&credential, &started).await.1.offset;
        anyhow::Ok(offset.filter(|offset| *offset > 0))
    };
    eventually(OFFSET_TIMEOUT, "some stored bytes", stored).await?;
    fixture.execute("r1", MemberAction::Kill).await?;
    let (offset, upload) = resume(&after, &credential, &started).await?;
    ensure!(offset <= cut_at, "{offset} bytes are stored, {cut_at} were sent at most");
    let file_id = upload.file_id.context("the upload became no file")?;
    after.download(&credential, &file_id).await;
    let back = trial.recorder.history().entries.pop().context("a recorded download")?;
    downloaded(&back, &content).context(seed)?;
    let design = fixture.design;
    println!("{design:?}: interrupted at {cut_at}, resumed at {offset} of {SIZE}");
    Ok(())
}

/// Sends the bytes from the reported offset to the end. Returns that offset. A commit that
/// the killed replica had sent may move it before the bytes arrive: then they are refused, and
/// a client asks again.
async fn resume(
    user: &VirtualUser,
    login: &LoginCredential,
    upload: &ChunkedUpload,
) -> anyhow::Result<(usize, UploadState)> {
    eventually(OFFSET_TIMEOUT, "the remaining bytes to be accepted", async || {
        let Some(offset) = user.read_offset(login, upload).await.1.offset else {
            return Ok(None);
        };
        let (result, state) = user.send_chunk(login, upload, offset, SIZE).await;
        Ok(result.is_ok().then_some((offset, state)))
    })
    .await
}

/// The recorded download has the bytes of the file.
fn downloaded(entry: &Entry, file: &TestFile) -> anyhow::Result<()> {
    let ReplyValue::Bytes { sha256, .. } = &entry.value else {
        anyhow::bail!("the download failed: {entry:?}");
    };
    ensure!(*sha256 == file.sha256, "the downloaded bytes differ");
    Ok(())
}

#[test]
fn interrupted_upload_resumes_on_another_replica_in_every_design() -> anyhow::Result<()> {
    for (at, design) in DESIGNS.into_iter().enumerate() {
        with_shared_cluster(design, async |fixture| {
            interrupt_and_resume(fixture, SEED + at as u64).await
        })?;
    }
    Ok(())
}
