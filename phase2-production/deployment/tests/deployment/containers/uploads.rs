//! Tests of uploads: acknowledged files survive faults, and an interrupted upload resumes.

use super::container::TestContainer;
use super::test_cluster::{
    Balancer, ClusterConfig, EVENT_TIMEOUT, REPLICAS, TestCluster,
};
use super::virtual_users::{VirtualUser, all_are_logged_in};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use client::digest::sha256;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};
use reqwest::{Body, RequestBuilder};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

behind_both!(
    acknowledged_uploads_survive_postgres_kill,
    postgres_pause_loses_no_login_and_only_blocks_uploads,
    upload_resumes_elsewhere_after_replica_kill,
    upload_resumes_elsewhere_while_replica_is_paused,
    upload_resumes_elsewhere_after_network_partition,
);

/// The pause between two uploads of a user.
const REQUEST_INTERVAL: Duration = Duration::from_millis(50);

async fn acknowledged_uploads_survive_postgres_kill(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    let (stop, counts) = (CancellationToken::new(), Arc::new(UploadCounts::default()));
    let keep_uploading = |user: &VirtualUser| {
        tokio::spawn(keep_uploading(user.clone(), stop.clone(), Arc::clone(&counts)))
    };
    let uploading: Vec<_> = users.iter().map(keep_uploading).collect();
    let count = 3 * users.len();
    counts.acknowledged.grows_by(count, "uploads are acknowledged").await?;
    cluster.container("postgres").kill().await?;
    counts.failed.grows_by(users.len(), "uploads fail").await?;
    cluster.container("postgres").start_again().await?;
    let uploads_again = async || Ok(users[0].upload("after", 10).await.done().ok());
    eventually(EVENT_TIMEOUT, "uploads succeed again", uploads_again).await?;
    stop.cancel();
    all_are_logged_in(&users, &REPLICAS).await?;
    for (user, acknowledged) in users.iter().zip(try_join_all(uploading).await?) {
        ensure!(!acknowledged.is_empty(), "{} has no acknowledged upload", user.name);
        let listed = user.files().await?;
        for (id, hash) in acknowledged {
            ensure!(listed.get(&id) == Some(&hash), "{id} was acknowledged and is lost");
            let content = user.client.content(&user.credential, &id).await.done()?;
            ensure!(sha256(&content.body) == hash, "{id} has other bytes");
        }
    }
    cluster.passed()
}

/// A session in Redis is valid without the database; an upload needs the database.
async fn postgres_pause_loses_no_login_and_only_blocks_uploads(
    balancer: Balancer,
) -> anyhow::Result<()> {
    let cluster = TestCluster::start(ClusterConfig::central(balancer)).await?;
    let users = VirtualUser::all(&cluster).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.container("postgres").pause().await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    let upload = users[0].upload("during the pause", 10).await;
    ensure!(upload.done().is_err(), "an upload succeeded without the database");
    cluster.container("postgres").resume().await?;
    let uploads_again = async || Ok(users[0].upload("after", 10).await.done().ok());
    eventually(EVENT_TIMEOUT, "uploads succeed again", uploads_again).await?;
    all_are_logged_in(&users, &REPLICAS).await?;
    cluster.passed()
}

/// The results of the uploads of all users.
#[derive(Default)]
struct UploadCounts {
    acknowledged: Counter,
    failed: Counter,
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until it has grown by `count`.
    async fn grows_by(&self, count: usize, event: &str) -> anyhow::Result<()> {
        let goal = self.0.load(Ordering::Relaxed) + count;
        let reached = async || Ok((self.0.load(Ordering::Relaxed) >= goal).then_some(()));
        eventually(EVENT_TIMEOUT, event, reached).await
    }
}

/// Uploads files until `stop`. Returns the hashes of the acknowledged files by id.
async fn keep_uploading(
    user: VirtualUser,
    stop: CancellationToken,
    counts: Arc<UploadCounts>,
) -> BTreeMap<String, String> {
    let mut acknowledged = BTreeMap::new();
    let mut number = 0;
    while !stop.is_cancelled() {
        number += 1;
        let size = 1_000 * number;
        match user.upload(&format!("file-{number}"), size).await.done() {
            Ok(created) => {
                acknowledged.insert(created.body.file_id, created.body.sha256);
                counts.acknowledged.increment();
            }
            Err(_) => counts.failed.increment(),
        }
        tokio::time::sleep(REQUEST_INTERVAL).await;
    }
    acknowledged
}

/// Bytes of the interrupted upload.
const SIZE: usize = 3_000_000;

async fn upload_resumes_elsewhere_after_replica_kill(
    balancer: Balancer,
) -> anyhow::Result<()> {
    upload_resumes_elsewhere(balancer, Fault::Kill).await
}

async fn upload_resumes_elsewhere_while_replica_is_paused(
    balancer: Balancer,
) -> anyhow::Result<()> {
    upload_resumes_elsewhere(balancer, Fault::Pause).await
}

async fn upload_resumes_elsewhere_after_network_partition(
    balancer: Balancer,
) -> anyhow::Result<()> {
    upload_resumes_elsewhere(balancer, Fault::Disconnect).await
}

/// A fault of the replica that receives an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Pause,
    Disconnect,
}

impl Fault {
    async fn inject(self, replica: &TestContainer) -> anyhow::Result<()> {
        match self {
            Self::Kill => replica.kill().await,
            Self::Pause => replica.pause().await,
            Self::Disconnect => replica.disconnect().await,
        }
    }

    async fn heal(self, replica: &TestContainer) -> anyhow::Result<()> {
        match self {
            Self::Kill => replica.start_again().await,
            Self::Pause => replica.resume().await,
            Self::Disconnect => replica.reconnect().await,
        }
    }
}

/// Balancing is sticky, so that the replica of the upload is known. Sessions are central, so
/// that every replica accepts them.
async fn upload_resumes_elsewhere(
    balancer: Balancer,
    fault: Fault,
) -> anyhow::Result<()> {
    let config = ClusterConfig { balancer, design: "central", policy: "sticky" };
    let cluster = TestCluster::start(config).await?;
    let user = VirtualUser::log_in(&cluster, &cluster.accounts[0]).await?;
    let target = user.is_logged_in().await?;
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    let pieces = Pieces::begin(&user).await?;
    let (replica, _) = pieces.send(0, &bytes[..SIZE / 3]).await?;
    ensure!(replica == target, "another replica received it: {replica}");

    let (sending, half) = endless(&bytes[SIZE / 3..SIZE / 2]);
    let sent = tokio::spawn(pieces.patch(SIZE / 3).body(sending).send());
    half.await.context("half of the piece is sent")?;
    fault.inject(cluster.container(&target)).await?;
    if fault == Fault::Kill {
        let sent = sent.await?;
        ensure!(
            !sent.is_ok_and(|reply| reply.status().is_success()),
            "the upload was not interrupted"
        );
    } else {
        // The client gets no error; it gives up after a timeout.
        sent.abort();
    }

    let pieces = &pieces;
    let offset = eventually(EVENT_TIMEOUT, "a replica returns the offset", async || {
        Ok(pieces.offset().await.ok())
    });
    let offset = offset.await?;
    ensure!((SIZE / 3..=SIZE / 2).contains(&offset), "{offset} bytes are stored");
    let (replica, file) = pieces.send(offset, &bytes[offset..]).await?;
    ensure!(replica != target, "the target replica replied");
    let file = file.context("the last piece completes the file")?;
    ensure_content(&user, &file, &bytes).await?;
    // The target must not write the bytes that it had received before the fault.
    fault.heal(cluster.container(&target)).await?;
    cluster.wait_until_served_by(&REPLICAS).await?;
    ensure_content(&user, &file, &bytes).await.context("after the fault")?;
    cluster.passed()
}

async fn ensure_content(
    user: &VirtualUser,
    file: &str,
    bytes: &[u8],
) -> anyhow::Result<()> {
    let content = user.client.content(&user.credential, file).await.done()?;
    ensure!(sha256(&content.body) == sha256(bytes), "{file} has other content");
    Ok(())
}

/// A body that sends these bytes and never ends, and a signal when they are sent.
fn endless(bytes: &[u8]) -> (Body, tokio::sync::oneshot::Receiver<()>) {
    let (sent, is_sent) = tokio::sync::oneshot::channel();
    let content = stream::iter(
        bytes
            .chunks(64 * 1024)
            .map(<[u8]>::to_vec)
            .map(io::Result::Ok)
            .collect::<Vec<_>>(),
    );
    let pause = stream::once(async move {
        // The client polls for more, so the bytes are on their way.
        let _test_waits = sent.send(());
        std::future::pending().await
    });
    (Body::wrap_stream(content.chain(pause)), is_sent)
}

/// A resumable upload (tus).
struct Pieces<'a> {
    user: &'a VirtualUser,
    path: String,
}

impl<'a> Pieces<'a> {
    async fn begin(user: &'a VirtualUser) -> anyhow::Result<Self> {
        let request = user.client.tus_creation(&user.credential, "cut", SIZE);
        let reply = user.client.send(request).await?;
        let path = user.client.tus_path(&reply).context("the upload has a location")?;
        Ok(Self { user, path })
    }

    fn patch(&self, offset: usize) -> RequestBuilder {
        self.user.client.tus_chunk(&self.user.credential, &self.path, offset)
    }

    /// Sends a piece. Returns the replica that received it, and the id of the completed file.
    async fn send(
        &self,
        offset: usize,
        bytes: &[u8],
    ) -> anyhow::Result<(String, Option<String>)> {
        let request = self.patch(offset).body(bytes.to_vec());
        let reply = self.user.client.send(request).await?;
        ensure!(reply.status.is_success(), "{}: {:?}", reply.status, reply.body);
        let replica =
            reply.served_by().context("the reply names its replica")?.to_owned();
        Ok((replica, reply.tus_file_id().map(str::to_owned)))
    }

    async fn offset(&self) -> anyhow::Result<usize> {
        let request = self.user.client.tus_offset(&self.user.credential, &self.path);
        let reply = self.user.client.send(request).await?;
        ensure!(reply.status.is_success(), "{}", reply.status);
        reply.tus_offset().context("an offset")
    }
}
