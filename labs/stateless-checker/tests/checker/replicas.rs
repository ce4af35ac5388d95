//! Replicas of a small server, each with a runtime of its own in this process.
//!
//! A restart is a new app on a new listener at the same port, and not a new process: the old
//! runtime is shut down first, with the app, its tasks and its connections. Nothing of the old
//! replica can answer afterwards. The loss at SIGKILL of a real process is tested with the lab's
//! own servers (`lab_servers`).

use crate::servers::Database;
use async_trait::async_trait;
use axum::Router;
use stateless_checker::{Instance, Instances, Restart};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const DEADLINE: Duration = Duration::from_secs(10);

/// Creates a replica's app from the stores that outlive it: the database, and a folder.
pub(crate) type App = fn(Database, PathBuf) -> Router;

/// Two replicas that can be restarted.
pub(crate) fn two(app: App) -> Instances {
    let replicas = Replicas::start(app);
    replicas.instances().restarted_by(replicas)
}

/// Two replicas without a restart.
pub(crate) fn two_without_restart(app: App) -> (Instances, Replicas) {
    let replicas = Replicas::start(app);
    (replicas.instances(), replicas)
}

pub(crate) struct Replicas(Arc<Vec<Replica>>);

struct Replica {
    app: App,
    database: Database,
    folder: tempfile::TempDir,
    address: SocketAddr,
    runtime: Mutex<Option<Runtime>>,
}

impl Replicas {
    fn start(app: App) -> Self {
        let database = Database::default();
        let started = (0..2).map(|_| Replica::start(app, database.clone()));
        Self(Arc::new(started.collect()))
    }

    fn instances(&self) -> Instances {
        let url = |which: usize| format!("http://{}", self.0[which].address);
        let list = [("a", url(0)), ("b", url(1))];
        let list = list.map(|(name, url)| Instance::new(name, &url));
        Instances::new(list.into()).expect("two replicas")
    }
}

impl Replicas {
    pub(crate) async fn stop(&self, indexes: &[usize]) {
        self.each(indexes, Replica::end).await;
    }

    pub(crate) async fn start_again(&self, indexes: &[usize]) {
        self.each(indexes, |replica| replica.run(None)).await;
    }

    /// A runtime cannot be shut down from inside another one.
    async fn each(&self, indexes: &[usize], what: fn(&Replica)) {
        let (replicas, indexes) = (Arc::clone(&self.0), indexes.to_vec());
        let done = tokio::task::spawn_blocking(move || {
            indexes.iter().for_each(|which| what(&replicas[*which]));
        });
        done.await.expect("it does not panic");
    }
}

#[async_trait]
impl Restart for Replicas {
    fn can_restart(&self, _which: usize) -> bool {
        true
    }

    fn stops_all_before_start(&self, _indexes: &[usize]) -> bool {
        true
    }

    async fn restart(&self, indexes: &[usize]) -> anyhow::Result<Vec<String>> {
        self.stop(indexes).await;
        self.start_again(indexes).await;
        let urls = indexes.iter().map(|which| self.0[*which].address);
        Ok(urls.map(|address| format!("http://{address}")).collect())
    }
}

impl Replica {
    fn start(app: App, database: Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let replica = Self { app, database, folder, address, runtime: Mutex::default() };
        replica.run(Some(listener));
        replica
    }

    fn run(&self, listener: Option<TcpListener>) {
        let listener = listener.unwrap_or_else(|| self.listen_again());
        listener.set_nonblocking(true).expect("a socket can be that");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let entered = runtime.enter();
        let app = (self.app)(self.database.clone(), self.folder.path().to_owned());
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        drop(entered);
        runtime.spawn(async move { axum::serve(listener, app).await });
        *self.runtime.lock().expect("nobody panics") = Some(runtime);
    }

    fn end(&self) {
        let runtime = self.runtime.lock().expect("nobody panics").take();
        runtime.expect("it runs").shutdown_timeout(DEADLINE);
    }

    fn listen_again(&self) -> TcpListener {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => return listener,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Replica {
    /// It does not wait: a test's own runtime must not block.
    fn drop(&mut self) {
        if let Ok(Some(runtime)) = self.runtime.get_mut().map(Option::take) {
            runtime.shutdown_background();
        }
    }
}
