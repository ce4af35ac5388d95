//! The number of connections to a database. Postgres has one process for each.

use launcher::Kind;
use launcher::status::ClusterStatus;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// The interval between two counts.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

/// Counts connections until it is dropped. An embedded database has none.
pub(crate) struct ConnectionCounter {
    max: Arc<AtomicUsize>,
    counting: Option<AbortOnDropHandle<()>>,
}

impl ConnectionCounter {
    /// Starts counting.
    pub(crate) fn start(status: &ClusterStatus) -> Self {
        let max = Arc::new(AtomicUsize::new(0));
        let database = status.service("database");
        let local = database.filter(|found| found.kind == Some(Kind::Local));
        let data_dir =
            local.and_then(|found| Some(found.log.as_ref()?.parent()?.to_owned()));
        let counting = data_dir.map(|data_dir| {
            let max = Arc::clone(&max);
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    max.fetch_max(connections(&data_dir), Ordering::Relaxed);
                    tokio::time::sleep(COUNT_INTERVAL).await;
                }
            }))
        });
        Self { max, counting }
    }

    /// The largest number of connections at one time.
    pub(crate) fn max(self) -> Option<usize> {
        self.counting.map(|_| self.max.load(Ordering::Relaxed))
    }
}

/// The number of server processes whose titles have a client address, as in
/// `postgres: app records 127.0.0.1(4711) idle`. Background processes have none.
fn connections(data_dir: &Path) -> usize {
    let server =
        fs::read_to_string(data_dir.join("data/postmaster.pid")).unwrap_or_default();
    let Some(server) = server.lines().next() else { return 0 };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_connection = |process: &fs::DirEntry| {
        let read = |name: &str| fs::read_to_string(process.path().join(name));
        let (stat, title) = (read("stat").ok()?, read("cmdline").ok()?);
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.to_owned();
        let has_client = title.starts_with("postgres: ") && title.contains('(');
        Some(parent == server && has_client)
    };
    processes.filter(|process| is_connection(process).unwrap_or(false)).count()
}
