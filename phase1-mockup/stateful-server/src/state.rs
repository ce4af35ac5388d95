//! The state of all handlers.

use crate::config::Config;
use crate::sessions::Sessions;
use http_edge::health::{Check, HealthStatus, Readiness};
use http_edge::serve::Drain;
use std::sync::Arc;
use std::time::Duration;
use upload_domain::accounts::Accounts;
use upload_domain::file_store::FileStore;

/// The state of all handlers. `sessions` is lost when this process ends.
#[derive(Clone)]
pub struct AppState {
    /// The accounts, the same on every replica.
    pub accounts: Accounts,
    /// The uploaded files, on disk.
    pub files: FileStore,
    /// The sessions, in the memory of this process.
    pub sessions: Sessions,
    /// The id of this replica.
    pub replica_id: Arc<str>,
    /// The largest upload in bytes.
    pub max_upload: u64,
    /// The interval between two sweeps for expired sessions.
    pub sweep_interval: Duration,
    /// The settings of an orderly stop.
    pub drain: Drain,
}

impl AppState {
    /// Opens the files that the command line names.
    ///
    /// # Errors
    /// When the data folder or the users file cannot be used.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let files = FileStore::open(&config.data_dir)?;
        let readiness = Readiness::with_checks(vec![files_check(&files)]);
        Ok(Self {
            accounts: Accounts::open(config.users.as_deref(), &config.data_dir)?,
            files,
            sessions: Sessions::new(config.session_limits()),
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            sweep_interval: Duration::from_millis(config.sweep_ms),
            drain: Drain::of(&config.edge, readiness),
        })
    }
}

/// The check of the data folder for `/readyz`. Without it a server with a read-only disk would get
/// uploads, and refuse them all.
fn files_check(files: &FileStore) -> Check {
    let files = files.clone();
    Check::new("files", move || {
        let files = files.clone();
        async move {
            match files.check_writable().await {
                Ok(()) => HealthStatus::Healthy,
                Err(_) => HealthStatus::Unavailable("cannot be written"),
            }
        }
    })
}
