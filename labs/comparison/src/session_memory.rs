//! The sessions of the logged-in users in a replica, and their memory.

use crate::configuration::{Accounts, Configuration};
use api_contract::design::Design;
use api_contract::paths;
use client::Client;
use futures_util::StreamExt;
use futures_util::stream;
use http::Method;
use report::figure::RepetitionFigure;
use std::fs;
use std::time::{Duration, Instant};

/// Logins between the two readings: their sessions take megabytes, noise is a few pages.
pub const LOGINS: usize = 3_000;

/// Logins before the first reading.
const WARM_UP_LOGINS: usize = 1_000;

/// Concurrent logins.
const MAX_CONCURRENT_LOGINS: usize = 8;

/// Gossip needs time to converge, and sessions are counted in intervals: readings repeat
/// until two in a row are equal and, with gossip, equal on all replicas.
const READING_INTERVAL: Duration = Duration::from_millis(700);
const CONVERGENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// Metrics with the session count of a replica; the first one present applies.
const SESSION_COUNT_METRICS: [&str; 2] =
    ["upload_server_gossip_sessions_live", "live_sessions"];

/// The reason for a missing session count.
pub const NO_SESSIONS: &str = "replicas of this design hold no sessions";

/// Growth for 1,000 logins to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionMemory {
    /// Growth of each replica's own memory in bytes, or the reason for its absence. Includes
    /// memory that the allocator keeps for later.
    pub memory_bytes: Vec<RepetitionFigure>,
    /// The smallest and the greatest number of sessions that a replica gained; absent if
    /// replicas hold none.
    pub sessions: Option<(f64, f64)>,
    /// Whether the session counts converged before the timeout.
    pub converged: bool,
}

/// One reading of one replica.
#[derive(Clone, Copy, Debug)]
struct Reading {
    bytes: Option<f64>,
    sessions: Option<f64>,
}

pub(crate) async fn measure(
    configuration: &Configuration,
    accounts: &Accounts,
) -> anyhow::Result<SessionMemory> {
    log_in_many(configuration, accounts, WARM_UP_LOGINS).await?;
    let (before, converged) = read_until_converged(configuration).await?;
    if before.iter().all(|reading| reading.sessions.is_none()) {
        return Ok(SessionMemory {
            memory_bytes: vec![Err(NO_SESSIONS)],
            sessions: None,
            converged,
        });
    }
    log_in_many(configuration, accounts, LOGINS).await?;
    let (after, converged_again) = read_until_converged(configuration).await?;
    Ok(SessionMemory {
        converged: converged && converged_again,
        ..growth(&before, &after)
    })
}

/// Reads until the counts are stable; returns false with the last reading on timeout.
async fn read_until_converged(
    configuration: &Configuration,
) -> anyhow::Result<(Vec<Reading>, bool)> {
    let deadline = Instant::now() + CONVERGENCE_TIMEOUT;
    let counts = |readings: &[Reading]| {
        readings.iter().map(|one| one.sessions).collect::<Vec<_>>()
    };
    let mut last = read_all(configuration).await?;
    loop {
        tokio::time::sleep(READING_INTERVAL).await;
        let now = read_all(configuration).await?;
        let agree = configuration.design != Design::Replicated
            || counts(&now).windows(2).all(|pair| pair[0] == pair[1]);
        let converged = agree && counts(&now) == counts(&last);
        if converged || Instant::now() > deadline {
            return Ok((now, converged));
        }
        last = now;
    }
}

/// Clients send no cookie, so the balancer chooses a replica for each login.
async fn log_in_many(
    configuration: &Configuration,
    accounts: &Accounts,
    logins: usize,
) -> anyhow::Result<()> {
    let client = Client::new(&configuration.cluster.url());
    let all = accounts.virtual_users.iter().cycle().take(logins);
    let mut logins = stream::iter(all)
        .map(|account| client.log_in(configuration.design.into(), account))
        .buffer_unordered(MAX_CONCURRENT_LOGINS);
    while let Some(login) = logins.next().await {
        login.done()?;
    }
    Ok(())
}

async fn read_all(configuration: &Configuration) -> anyhow::Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for member in configuration.members().await {
        let (Some(pid), Some(admin)) = (member.pid, member.admin) else {
            continue;
        };
        let admin = Client::new(&format!("http://{admin}"));
        let page = admin.send(admin.request(Method::GET, paths::METRICS)).await?.body;
        readings.push(Reading {
            bytes: process_memory_bytes(pid),
            sessions: sessions(&String::from_utf8_lossy(&page)),
        });
    }
    Ok(readings)
}

fn process_memory_bytes(pid: i32) -> Option<f64> {
    anonymous_memory_bytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// `RssAnon` of `/proc/PID/status` in bytes: anonymous memory without the program's file
/// pages, because their number depends on the code that has run.
fn anonymous_memory_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024.0)
}

fn sessions(metrics: &str) -> Option<f64> {
    SESSION_COUNT_METRICS.iter().find_map(|name| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line?.trim().parse().ok()
    })
}

fn growth(before: &[Reading], after: &[Reading]) -> SessionMemory {
    let pairs = || before.iter().zip(after);
    let of = |before: Option<f64>, after: Option<f64>| {
        Some((after? - before?) * per_thousand_logins())
    };
    let not_reported = "this system does not report the memory of a process";
    let bytes = pairs().map(|(was, is)| of(was.bytes, is.bytes).ok_or(not_reported));
    let sessions = pairs().map(|(was, is)| of(was.sessions, is.sessions));
    let sessions: Option<Vec<f64>> = sessions.collect();
    let sessions = sessions.and_then(|mut grown| {
        grown.sort_by(f64::total_cmp);
        Some((*grown.first()?, *grown.last()?))
    });
    SessionMemory { memory_bytes: bytes.collect(), sessions, converged: true }
}

#[expect(clippy::cast_precision_loss, reason = "some thousand logins")]
fn per_thousand_logins() -> f64 {
    1_000.0 / LOGINS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(bytes: f64, sessions: Option<f64>) -> Reading {
        Reading { bytes: Some(bytes), sessions }
    }

    #[test]
    fn growth_is_given_per_replica_and_thousand_logins() {
        let before = [
            reading(10.0, Some(1.0)),
            reading(20.0, Some(1.0)),
            reading(30.0, Some(4.0)),
        ];
        let after = [
            reading(3_010.0, Some(1_001.0)),
            reading(6_020.0, Some(901.0)),
            reading(30.0, Some(1_104.0)),
        ];
        let memory = growth(&before, &after);
        let grown: Vec<_> =
            memory.memory_bytes.iter().map(|one| one.unwrap().round()).collect();
        assert_eq!(grown, [1_000.0, 2_000.0, 0.0]);
        let (fewest, most) = memory.sessions.unwrap();
        assert!((fewest - 300.0).abs() < 0.01 && (most - 366.666).abs() < 0.01);
    }

    #[test]
    fn replica_without_session_count_has_no_figure() {
        let readings = [reading(1.0, None), reading(1.0, None)];
        assert_eq!(growth(&readings, &readings).sessions, None);
    }

    #[test]
    fn gossip_count_takes_precedence_over_sweep_count() {
        let page = "# HELP x\nlive_sessions 3\nupload_server_gossip_sessions_live 7\n";
        assert_eq!(sessions(page), Some(7.0));
        assert_eq!(sessions("live_sessions 3\n"), Some(3.0));
        assert_eq!(sessions("http_requests_total{status=\"200\"} 9\n"), None);
    }

    #[test]
    fn own_memory_of_a_process_is_read_in_bytes() {
        assert_eq!(
            anonymous_memory_bytes("VmRSS:\t 90 kB\nRssAnon:\t   12 kB\n"),
            Some(12_288.0)
        );
        assert_eq!(anonymous_memory_bytes("Name:\tlab\n"), None);
    }
}
