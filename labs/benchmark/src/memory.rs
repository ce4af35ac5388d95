//! Memory of one replica with many concurrent uploads, and with many idle connections.

use crate::child::{Child, forget_peak, memory_bytes};
use crate::connection::Connection;
use crate::plan::Plan;
use crate::request;
use crate::testbed::{self, Testbed};
use anyhow::{Context, ensure};
use comparison::figure::Figure;
use futures_util::future::try_join_all;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
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
const PIECE: usize = 64 * 1_024;

/// Memory of one replica, in bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Memory {
    /// The size of each upload in bytes.
    pub upload_bytes: u64,
    /// The number of idle connections.
    pub idle: usize,
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
    forget_peak(pid)?;
    upload(server.address, &session, size).await?;
    let one = memory_bytes(pid, "VmHWM")?;
    let all = (0..UPLOADS).map(|_| upload(server.address, &session, size));
    try_join_all(all).await?;
    let many = memory_bytes(pid, "VmHWM")?;
    drop(server);
    step(&format!("{} connections that say nothing", plan.idle));
    Ok(Memory {
        upload_bytes: size,
        idle: plan.idle,
        one_upload: bytes(one),
        all_uploads: bytes(many),
        idle_connections: idle(testbed, plan.idle).await?,
    })
}

/// Uploads bytes that the client does not keep; returns seconds.
pub(crate) async fn upload(
    at: SocketAddr,
    credential: &str,
    size: u64,
) -> anyhow::Result<f64> {
    let (before, after) = request::upload(credential, size);
    let piece = vec![b'x'; PIECE];
    let mut connection = Connection::open(at).await?;
    let began = Instant::now();
    connection.send(&before).await?;
    let mut left = size;
    while left > 0 {
        let now = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        connection.send(&piece[..now]).await?;
        left -= now as u64;
    }
    connection.send(&after).await?;
    let status = connection.answer().await.context("an upload")?;
    let message = String::from_utf8_lossy(connection.body()).into_owned();
    ensure!(status == 201, "an upload of {size} bytes was answered {status}: {message}");
    Ok(began.elapsed().as_secs_f64())
}

async fn idle(testbed: &Testbed, wanted: usize) -> anyhow::Result<Figure> {
    if let Err(why) = allow_files(wanted as u64 + OTHER_FILES) {
        return Ok(Figure::absent(&why));
    }
    let server = testbed.upload_server("memory", "idle", &[]).await?;
    let question = testbed::who_is_calling(&testbed.session(server.address).await?);
    let mut open = Vec::with_capacity(wanted);
    while open.len() < wanted {
        let some = (0..BATCH_SIZE).map(|_| asked_once(&server, &question));
        open.extend(try_join_all(some).await?);
    }
    let used = memory_bytes(server.pid()?, "VmRSS")?;
    // All connections must still be open, or fewer were measured.
    for connection in open.iter_mut().step_by(BATCH_SIZE) {
        let status = connection.ask(&question.requests[0]).await;
        ensure!(status.is_ok(), "an idle connection was closed");
    }
    Ok(bytes(used))
}

async fn asked_once(
    server: &Child,
    question: &crate::load::Question,
) -> anyhow::Result<Connection> {
    let mut connection = Connection::open(server.address).await?;
    let status = connection.ask(&question.requests[0]).await?;
    ensure!(status == question.status, "answered {status}");
    Ok(connection)
}

/// Allows this process and its children to open `wanted` files.
fn allow_files(wanted: u64) -> Result<(), String> {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(|no| no.to_string())?;
    if now >= wanted {
        return Ok(());
    }
    if most < wanted {
        return Err(format!("this user may open {most} files at once (ulimit -Hn)"));
    }
    setrlimit(Resource::RLIMIT_NOFILE, most, most).map_err(|no| no.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory are exact")]
fn bytes(bytes: u64) -> Figure {
    Figure::of(&[Ok(bytes as f64)])
}
