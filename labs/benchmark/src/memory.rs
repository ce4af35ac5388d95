//! Memory of one replica with many concurrent uploads, and with many idle connections.

use crate::child::{ChildProcess, memory_bytes, reset_peak_memory};
use crate::connection::Connection;
use crate::plan::Plan;
use crate::request;
use crate::testbed::{self, Testbed};
use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use report::figure::Figure;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Instant;

/// Concurrent uploads.
pub const UPLOADS: usize = 64;

/// Connections that are opened together: the queue of a listening socket is bounded.
const BATCH_SIZE: usize = 100;

/// Open files that a process needs besides its connections.
const OTHER_FILES: u64 = 200;

/// Bytes of one chunk that a client sends.
const CHUNK_BYTES: usize = 64 * 1_024;

/// Memory of one replica, in bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Memory {
    /// The size of each upload in bytes.
    pub upload_bytes: u64,
    /// The number of idle connections.
    #[serde(rename = "idle")]
    pub idle_count: usize,
    /// The peak during one upload.
    pub one_upload: Figure,
    /// The peak during all concurrent uploads.
    pub all_uploads: Figure,
    /// With idle connections, after one request on each.
    pub idle_connections: Figure,
}

pub(crate) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
    step: &impl Fn(&str),
) -> anyhow::Result<Memory> {
    let size = plan.upload_bytes;
    step(&format!("{UPLOADS} uploads of {} MB at once", size / 1_000_000));
    let server = testbed.upload_server("memory", "uploads", &[]).await?;
    let session = testbed.session(server.address).await?;
    let pid = server.pid()?;
    reset_peak_memory(pid)?;
    upload(server.address, &session, size).await?;
    let one = memory_bytes(pid, "VmHWM")?;
    let all = (0..UPLOADS).map(|_| upload(server.address, &session, size));
    try_join_all(all).await?;
    let many = memory_bytes(pid, "VmHWM")?;
    drop(server);
    step(&format!("{} connections that say nothing", plan.idle_connections));
    Ok(Memory {
        upload_bytes: size,
        idle_count: plan.idle_connections,
        one_upload: bytes(one),
        all_uploads: bytes(many),
        idle_connections: measure_idle_connections(testbed, plan.idle_connections)
            .await?,
    })
}

/// Uploads bytes that the client does not keep; returns seconds.
pub(crate) async fn upload(
    at: SocketAddr,
    credential: &str,
    size: u64,
) -> anyhow::Result<f64> {
    let (before, after) = request::upload(credential, size);
    let chunk = vec![b'x'; CHUNK_BYTES];
    let mut connection = Connection::open(at).await?;
    let began = Instant::now();
    connection.send(&before).await?;
    let mut remaining = size;
    while remaining > 0 {
        let now = usize::try_from(remaining)
            .map_or(CHUNK_BYTES, |remaining| remaining.min(CHUNK_BYTES));
        connection.send(&chunk[..now]).await?;
        remaining -= now as u64;
    }
    connection.send(&after).await?;
    let status = connection.read_reply().await.context("an upload")?;
    let message = String::from_utf8_lossy(connection.body()).into_owned();
    ensure!(status == 201, "an upload of {size} bytes was answered {status}: {message}");
    Ok(began.elapsed().as_secs_f64())
}

async fn measure_idle_connections(
    testbed: &Testbed,
    count: usize,
) -> anyhow::Result<Figure> {
    if let Err(reason) = allow_files(count as u64 + OTHER_FILES) {
        return Ok(Figure::absent(&reason));
    }
    let server = testbed.upload_server("memory", "idle", &[]).await?;
    let workload =
        testbed::authenticated_workload(&testbed.session(server.address).await?);
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let some = (0..BATCH_SIZE).map(|_| connect_and_request(&server, &workload));
        open.extend(try_join_all(some).await?);
    }
    let used = memory_bytes(server.pid()?, "VmRSS")?;
    // All connections must still be open, or fewer were measured.
    for connection in open.iter_mut().step_by(BATCH_SIZE) {
        let status = connection.round_trip(&workload.requests[0]).await;
        ensure!(status.is_ok(), "an idle connection was closed");
    }
    Ok(bytes(used))
}

async fn connect_and_request(
    server: &ChildProcess,
    workload: &crate::closed_loop::Workload,
) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(server.address).await?;
    let status = connection.round_trip(&workload.requests[0]).await?;
    ensure!(status == workload.expected_status, "answered {status}");
    Ok(connection)
}

/// Allows this process and its children to open `count` files.
fn allow_files(count: u64) -> Result<(), String> {
    let (now, max) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|no| no.to_string())?;
    if now >= count {
        return Ok(());
    }
    if max < count {
        return Err(format!("this user may open {max} files at once (ulimit -Hn)"));
    }
    setrlimit(Resource::RLIMIT_NOFILE, max, max).map_err(|no| no.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are exact")]
fn bytes(bytes: u64) -> Figure {
    Figure::of_all(&[bytes as f64])
}
