//! A running service and its operations.

use crate::container::Container;
use crate::kind::{Kind, ServiceType, State};
use crate::processes::ServerProcesses;
use crate::selection::Selection;
use crate::sqlite_file::sqlite_file;
use anyhow::bail;
use std::fmt;
use std::path::PathBuf;
use tokio::sync::Mutex;

/// A service that is ready. When dropped, it is stopped and its data is removed, unless it is
/// an external server or a file.
pub struct Service {
    /// The URL. It contains the password and must not be logged.
    pub url: String,
    /// The selected kind.
    pub kind: Kind,
    /// The selected service and why the kinds before it were not selected, as text.
    pub why: String,
    what: ServiceType,
    engine: Engine,
    /// Serialises operations, so that two do not overlap.
    operation: Mutex<()>,
}

/// The running part of a service.
#[derive(Debug)]
pub(crate) enum Engine {
    /// An external server or a file.
    External,
    Processes(ServerProcesses),
    Container(Container),
}

impl Service {
    pub(crate) fn new(
        what: ServiceType,
        selection: Selection,
        url: String,
        engine: Engine,
    ) -> Self {
        let Selection { kind, why, .. } = selection;
        Self { url, kind, why, what, engine, operation: Mutex::default() }
    }

    /// The type of the service.
    #[must_use]
    pub const fn what(&self) -> ServiceType {
        self.what
    }

    /// The file of the database; [`None`] if the service is not SQLite.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        sqlite_file(&self.url)
    }

    /// The state of its processes.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.engine {
            Engine::External => State::External,
            Engine::Processes(processes) => processes.state(),
            Engine::Container(container) => container.state(),
        }
    }

    /// The log file of its processes. The engine has the log of a container.
    #[must_use]
    pub fn log(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Processes(processes) => processes.log(),
            Engine::External | Engine::Container(_) => None,
        }
    }

    /// Crashes it with SIGKILL. Its written data stays; the embedded Redis writes none.
    ///
    /// # Errors
    /// When it is down, external or a file.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        let _operation = self.operation.lock().await;
        match &self.engine {
            Engine::External => self.not_controlled(),
            Engine::Processes(processes) => processes.kill9().await,
            Engine::Container(container) => container.kill9().await,
        }
    }

    /// Sends SIGSTOP to all its processes: connections stay open, requests get no reply.
    ///
    /// # Errors
    /// When it is down, external or a file.
    pub async fn pause(&self) -> anyhow::Result<()> {
        let _operation = self.operation.lock().await;
        match &self.engine {
            Engine::External => self.not_controlled(),
            Engine::Processes(processes) => processes.pause(),
            Engine::Container(container) => container.pause().await,
        }
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// When it is down, external or a file.
    pub async fn resume(&self) -> anyhow::Result<()> {
        let _operation = self.operation.lock().await;
        match &self.engine {
            Engine::External => self.not_controlled(),
            Engine::Processes(processes) => processes.resume(),
            Engine::Container(container) => container.resume().await,
        }
    }

    /// Stops it in order. [`Service::restart`] starts it again.
    ///
    /// # Errors
    /// When it is down, external or a file.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let _operation = self.operation.lock().await;
        match &self.engine {
            Engine::External => self.not_controlled(),
            Engine::Processes(processes) => processes.stop().await,
            Engine::Container(container) => container.stop().await,
        }
    }

    /// Stops it in order, if it runs, and starts it with the same data, password and
    /// address. Returns when it is ready.
    ///
    /// # Errors
    /// When it does not start, is external or a file.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let _operation = self.operation.lock().await;
        match &self.engine {
            Engine::External => self.not_controlled(),
            Engine::Processes(processes) => processes.restart().await,
            Engine::Container(container) => container.restart().await,
        }
    }

    fn not_controlled(&self) -> anyhow::Result<()> {
        let what = self.what.as_str();
        match self.kind {
            Kind::Url => {
                bail!(
                    "the {what} of {} is external: the lab does not stop or start it",
                    self.what.variable()
                )
            }
            _ => bail!("the {what} is a file and has no process"),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("what", &self.what)
            .field("kind", &self.kind)
            .field("why", &self.why)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
