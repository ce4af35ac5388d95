//! Asking the services, and looking at processes from outside.

use backing_services::{Kind, What, offers};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Names the kinds that must be here: then a test of them fails instead of doing nothing.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Whether this machine has it. Says so if it does not: a test that does nothing must not
/// look like one that has passed.
pub(crate) async fn is_offered(what: What, kind: Kind) -> bool {
    let offers = offers(what).await;
    let offer = offers.into_iter().find(|offer| offer.kind == kind);
    match offer.expect("every kind is judged").found {
        Ok(_) => true,
        Err(reason) => {
            let must_have = std::env::var(MUST_HAVE).unwrap_or_default();
            let must = must_have.split(' ').any(|one| one == kind.as_str());
            assert!(!must, "{MUST_HAVE} names {}: {reason}", kind.as_str());
            eprintln!("SKIPPED {} of kind {}: {reason}", what.as_str(), kind.as_str());
            false
        }
    }
}

/// One connection, made anew for each question; [`None`] when there is no answer in time.
pub(crate) async fn ask_redis(url: &str, command: &[&str]) -> Option<String> {
    let asked = async {
        let client = redis::Client::open(url).ok()?;
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        let mut question = redis::cmd(command[0]);
        question.arg(&command[1..]);
        let answer: Option<String> = question.query_async(&mut connection).await.ok()?;
        Some(answer.unwrap_or_default())
    };
    tokio::time::timeout(Duration::from_secs(2), asked).await.ok()?
}

/// The first column of the first row as text, over a connection made anew.
pub(crate) async fn ask_database(url: &str, sql: &str) -> Option<String> {
    use sqlx::{AnyConnection, Connection, Row};
    sqlx::any::install_default_drivers();
    let asked = async {
        let mut connection = AnyConnection::connect(url).await.ok()?;
        let sql = sqlx::AssertSqlSafe(sql);
        let row = sqlx::query(sql).fetch_optional(&mut connection).await.ok()?;
        let text = row.map(|row| row.try_get::<String, _>(0).unwrap_or_default());
        let _closed = connection.close().await;
        Some(text.unwrap_or_default())
    };
    tokio::time::timeout(Duration::from_secs(5), asked).await.ok()?
}

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is told from later ones with the same id, and where it works.
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

    pub(crate) fn lives(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.start == self.start)
    }
}

/// The processes that a process has started, and those that they have.
pub(crate) fn descendants(pid: i32) -> Vec<Process> {
    let all = fs::read_dir("/proc").expect("a Linux system").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: Vec<_> = all.filter_map(|one| Some((one, stat(one)?.0))).collect();
    let (mut found, mut todo) = (Vec::new(), vec![pid]);
    while let Some(parent) = todo.pop() {
        for (child, _) in parents.iter().filter(|(_, of)| *of == parent) {
            found.extend(Process::of(*child));
            todo.push(*child);
        }
    }
    found
}

/// Its parent, and when it was started.
fn stat(pid: i32) -> Option<(i32, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.to_string()))
}
