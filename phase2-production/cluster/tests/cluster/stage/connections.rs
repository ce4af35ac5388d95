//! How many connections a database has: Postgres has a process for each.

use cluster::Kind;
use cluster::status::ClusterStatus;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// How often they are counted.
const EVERY: Duration = Duration::from_millis(50);

/// Counts for as long as it lives. An embedded database has none that could be counted.
pub(crate) struct Watch {
    most: Arc<AtomicUsize>,
    counting: Option<AbortOnDropHandle<()>>,
}

impl Watch {
    /// Begins.
    pub(crate) fn of(status: &ClusterStatus) -> Self {
        let most = Arc::new(AtomicUsize::new(0));
        let database = status.service("database");
        let ours = database.filter(|found| found.kind == Some(Kind::Local));
        let home = ours.and_then(|found| Some(found.log.as_ref()?.parent()?.to_owned()));
        let counting = home.map(|home| {
            let most = Arc::clone(&most);
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    most.fetch_max(connections(&home), Ordering::Relaxed);
                    tokio::time::sleep(EVERY).await;
                }
            }))
        });
        Self { most, counting }
    }

    /// The most that there were at once.
    pub(crate) fn most(self) -> Option<usize> {
        self.counting.map(|_| self.most.load(Ordering::Relaxed))
    }
}

/// The children of the server whose titles say from where they are used, as in
/// `postgres: app records 127.0.0.1(4711) idle`; its own helpers' do not.
fn connections(home: &Path) -> usize {
    let server = fs::read_to_string(home.join("data/postmaster.pid")).unwrap_or_default();
    let Some(server) = server.lines().next() else { return 0 };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_connection = |process: &fs::DirEntry| {
        let read = |name: &str| fs::read_to_string(process.path().join(name));
        let (stat, title) = (read("stat").ok()?, read("cmdline").ok()?);
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.to_owned();
        let used = title.starts_with("postgres: ") && title.contains('(');
        Some(parent == server && used)
    };
    processes.filter(|process| is_connection(process).unwrap_or(false)).count()
}
