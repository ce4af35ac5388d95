//! More sessions: in the memory of one replica, and in Redis.

use super::SessionCost;
use crate::child::{memory_bytes, processor_seconds};
use crate::closed_loop::{self, Workload};
use crate::connection::Connection;
use crate::plan::Plan;
use crate::request::{Request, session_line};
use crate::testbed::{Testbed, authenticated_request};
use anyhow::{Context, ensure};
use api_contract::paths;
use api_contract::sessions::SessionStarted;
use futures_util::future::try_join_all;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use report::figure::rounded;
use report::statistics::median;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sessions that are read, spread over all of them.
const SPREAD_READS: usize = 10_000;

/// Concurrent logins.
const CONCURRENT_LOGINS: usize = 16;

/// Sessions that are created by a login; the others in Redis are copies of these.
const REAL_SESSIONS: usize = 1_000;

/// Keys that one pipeline writes or reads.
const PIPELINE: usize = 1_000;
const TIMED_READS: usize = 2_000;

/// Freeing a million sessions takes longer than the usual half second.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn in_memory(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<SessionCost>> {
    let mut rows = Vec::new();
    for &sessions in plan.sessions {
        let group = format!("grown-{sessions}");
        let flags = ["--max-sessions=2000000"];
        let server = testbed.server("stateful", &group, &flags).await?;
        let pid = server.pid()?;
        // The first logins make allocations that happen once, so they are not counted.
        let login = testbed.login(paths::SESSION_START);
        let _warm = log_in(server.address, &login, CONCURRENT_LOGINS * 4).await?;
        let before = memory_bytes(pid, "VmRSS")?;
        let ids = log_in(server.address, &login, sessions).await?;
        let growth = memory_bytes(pid, "VmRSS")?.saturating_sub(before);
        let workload = reads_of(&ids);
        let used = processor_seconds(pid)?;
        let round_length = plan.round_length * 2;
        let result =
            closed_loop::run(server.address, &workload, plan.connections, round_length)
                .await?;
        let used = processor_seconds(pid)? - used;
        #[expect(clippy::cast_precision_loss, reason = "bytes and requests of a run")]
        rows.push(SessionCost {
            sessions,
            bytes: (growth as f64 / ids.len() as f64).round(),
            read_us: rounded(used * 1e6 / result.replies.max(1) as f64),
        });
    }
    Ok(rows)
}

/// Requests for sessions that are spread over all of them.
fn reads_of(ids: &[String]) -> Workload {
    let step = (ids.len() / SPREAD_READS).max(1);
    let some = ids.iter().step_by(step);
    let requests: Vec<_> =
        some.map(|id| authenticated_request(&session_line(id))).collect();
    Workload { requests: Arc::new(requests), expected_status: 404 }
}

/// Creates sessions with concurrent logins; returns their ids.
async fn log_in(
    at: SocketAddr,
    login: &Request,
    sessions: usize,
) -> anyhow::Result<Vec<String>> {
    let share = sessions.div_ceil(CONCURRENT_LOGINS);
    let workers = (0..CONCURRENT_LOGINS).map(|_| {
        let login = login.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(at).await?;
            let mut ids = Vec::with_capacity(share);
            for _ in 0..share {
                let status = connection.round_trip(&login).await?;
                let body = connection.body();
                let message = String::from_utf8_lossy(body);
                ensure!((200..300).contains(&status), "a login was answered {message}");
                let started: SessionStarted = serde_json::from_slice(body)?;
                ids.push(started.session_id.expose().to_owned());
            }
            Ok(ids)
        })
    });
    let mut all = Vec::with_capacity(share * CONCURRENT_LOGINS);
    for worker in try_join_all(workers.collect::<Vec<_>>()).await? {
        all.extend(worker?);
    }
    Ok(all)
}

/// A thousand sessions are created by logging in. A million logins would measure the database,
/// so the others are copies of the values that the server wrote, under keys of the same length.
pub(super) async fn in_redis(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Vec<SessionCost>> {
    let client = redis::Client::open(testbed.redis.url.as_str())?;
    let config =
        AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
    let mut redis = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("FLUSHALL").exec_async(&mut redis).await?;
    let empty = used_memory(&mut redis).await?;
    let server = testbed.upload_server("central", "grown-redis", &[]).await?;
    let login = testbed.login(paths::SESSION_START);
    log_in(server.address, &login, REAL_SESSIONS).await?;
    let pattern = redis::cmd("KEYS").arg("*:session:*").clone();
    let real: Vec<String> = pattern.query_async(&mut redis).await?;
    // A session's list of files has a key of the same kind.
    let real: Vec<_> = real.into_iter().filter(|key| !key.contains(":files:")).collect();
    ensure!(
        real.len() >= REAL_SESSIONS,
        "of {REAL_SESSIONS} sessions {} are in Redis",
        real.len()
    );
    let mut rows = Vec::new();
    let mut copies = Vec::new();
    for &sessions in plan.sessions {
        copy(&mut redis, &real, sessions.saturating_sub(real.len()), &mut copies).await?;
        let used = used_memory(&mut redis).await?.saturating_sub(empty);
        let all: Vec<_> = real.iter().chain(&copies).collect();
        #[expect(clippy::cast_precision_loss, reason = "bytes of a run")]
        rows.push(SessionCost {
            sessions: all.len(),
            bytes: (used as f64 / all.len() as f64).round(),
            read_us: read_us(&mut redis, &all).await?,
        });
    }
    redis::cmd("FLUSHALL").exec_async(&mut redis).await?;
    Ok(rows)
}

/// Copies sessions until the number of copies is reached.
async fn copy(
    redis: &mut MultiplexedConnection,
    real: &[String],
    count: usize,
    copies: &mut Vec<String>,
) -> anyhow::Result<()> {
    let value: Vec<u8> = redis::cmd("GET").arg(&real[0]).query_async(redis).await?;
    let left_ms: i64 = redis::cmd("PTTL").arg(&real[0]).query_async(redis).await?;
    ensure!(left_ms > 0, "a session in Redis that never expires");
    let (prefix, hash) = real[0].rsplit_once(':').context("a key without a prefix")?;
    let digits = hash.len();
    while copies.len() < count {
        let mut some = redis::pipe();
        for _ in 0..PIPELINE.min(count - copies.len()) {
            let key = format!("{prefix}:{:0digits$}", copies.len());
            some.cmd("SET").arg(&key).arg(&value).arg("PX").arg(left_ms).ignore();
            copies.push(key);
        }
        some.exec_async(redis).await?;
    }
    Ok(())
}

/// The median of reads of sessions that are spread over all of them, in microseconds.
async fn read_us(
    redis: &mut MultiplexedConnection,
    keys: &[&String],
) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(TIMED_READS);
    for number in 0..TIMED_READS {
        // The step is prime, so that consecutive reads do not hit neighbouring keys.
        let key = keys[number * 7_919 % keys.len()];
        let began = Instant::now();
        let value: Option<Vec<u8>> =
            redis::cmd("GET").arg(key).query_async(redis).await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        ensure!(value.is_some(), "{key} has disappeared");
    }
    Ok(rounded(median(times).unwrap_or_default()))
}

async fn used_memory(redis: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    let message: String = redis::cmd("INFO").arg("memory").query_async(redis).await?;
    let line = message.lines().find_map(|line| line.strip_prefix("used_memory:"));
    line.context("this Redis does not report its memory")?.trim().parse().context("bytes")
}
