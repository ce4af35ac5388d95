//! Queries to the services, and a view of processes from outside.

use backing_services::{Kind, ServiceType, offers};
use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The maximum wait for an expected event.
pub(crate) const EVENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The time for which a paused service has to stay silent.
const SILENCE: Duration = Duration::from_secs(1);

/// The environment variable with the required kinds. A test of a required kind that is missing
/// fails.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Whether this machine has a kind. If not, it prints that, because the test is skipped.
pub(crate) async fn is_available(what: ServiceType, kind: Kind) -> bool {
    let must_have = std::env::var(MUST_HAVE).unwrap_or_default();
    let required = must_have.split(' ').any(|name| name == kind.as_str());
    let deadline = Instant::now() + EVENT_TIMEOUT;
    loop {
        let offers = offers(what).await;
        let offer = offers.into_iter().find(|offer| offer.kind == kind);
        let Err(reason) = offer.expect("every kind has an offer").found else {
            return true;
        };
        if !required {
            eprintln!("SKIPPED {} of kind {}: {reason}", what.as_str(), kind.as_str());
            return false;
        }
        // The Docker engine of a busy machine may answer too late.
        let in_time = Instant::now() < deadline;
        assert!(in_time, "{MUST_HAVE} has {}: {reason}", kind.as_str());
    }
}

/// Sends a command over a new connection, and waits for the reply; [`None`] if Redis is down.
pub(crate) async fn query_redis(url: &str, command: &[&str]) -> Option<String> {
    let query = async {
        let client = redis::Client::open(url).ok()?;
        // The client library's default timeout is 500 ms: too short for a busy machine.
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let mut request = redis::cmd(command[0]);
        request.arg(&command[1..]);
        let reply: Option<String> =
            request.query_async(&mut connection.await.ok()?).await.ok()?;
        Some(reply.unwrap_or_default())
    };
    tokio::time::timeout(EVENT_TIMEOUT, query).await.ok()?
}

/// The first column of the first row as text, over a new connection; [`None`] if the database is
/// down or refuses.
pub(crate) async fn query_database(url: &str, sql: &str) -> Option<String> {
    use sqlx::{AnyConnection, Connection, Row};
    sqlx::any::install_default_drivers();
    let query = async {
        let mut connection = AnyConnection::connect(url).await.ok()?;
        let sql = sqlx::AssertSqlSafe(sql);
        let row = sqlx::query(sql).fetch_optional(&mut connection).await.ok()?;
        let text = row.map(|row| row.try_get::<String, _>(0).unwrap_or_default());
        let _closed = connection.close().await;
        Some(text.unwrap_or_default())
    };
    tokio::time::timeout(EVENT_TIMEOUT, query).await.ok()?
}

/// Asserts that a paused service does not reply to a query.
pub(crate) async fn assert_no_reply<T: Debug>(query: impl Future<Output = T>) {
    let reply = tokio::time::timeout(SILENCE, query).await;
    assert!(reply.is_err(), "it does not reply while paused: {reply:?}");
}

/// Waits for a condition, which `event` describes.
pub(crate) fn until(event: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + EVENT_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "did not happen in time: {event}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until processes have ended: a killed process closes its files before it is gone.
pub(crate) fn until_ended(processes: &[Process]) {
    until(&format!("the end of {processes:?}"), || {
        processes.iter().all(|process| !process.is_alive())
    });
}

/// A process, with its start time to distinguish it from later ones with the same id.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    start: String,
    pub(crate) cwd: PathBuf,
    pub(crate) command_line: String,
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&line).replace('\0', " ");
        Some(Self { pid, start: stat(pid)?.1, cwd, command_line })
    }

    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.start == self.start)
    }
}

/// The children of a process, and their descendants.
pub(crate) fn descendants(pid: i32) -> Vec<Process> {
    let all = fs::read_dir("/proc").expect("a Linux system").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: Vec<_> = all.filter_map(|pid| Some((pid, stat(pid)?.0))).collect();
    let (mut found, mut todo) = (Vec::new(), vec![pid]);
    while let Some(parent) = todo.pop() {
        for (child, _) in parents.iter().filter(|(_, of)| *of == parent) {
            found.extend(Process::of(*child));
            todo.push(*child);
        }
    }
    found
}

/// The parent and the start time of a process.
fn stat(pid: i32) -> Option<(i32, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.to_string()))
}
