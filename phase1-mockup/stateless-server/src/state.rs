//! The state of all handlers.

use crate::config::Config;
use crate::tokens::Tokens;
use anyhow::ensure;
use http_edge::health::{Check, HealthStatus, Readiness};
use http_edge::serve::Drain;
use std::sync::Arc;
use upload_domain::accounts::Accounts;
use upload_domain::file_store::FileStore;

/// The state of all handlers. It has no state of clients.
#[derive(Clone)]
pub struct AppState {
    /// The accounts, the same on every replica.
    pub accounts: Accounts,
    /// The uploaded files, on disk.
    pub files: FileStore,
    /// Signs and verifies tokens.
    pub tokens: Tokens,
    /// The id of this replica.
    pub replica_id: Arc<str>,
    /// The largest upload in bytes.
    pub max_upload: u64,
    /// Whether credentials in the URL are accepted.
    pub credentials_in_url: bool,
    /// The settings of an orderly stop.
    pub drain: Drain,
}

impl AppState {
    /// Opens the files that the command line names.
    ///
    /// # Errors
    /// When the data folder, the users file or the key cannot be used.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        ensure!(
            config.edge.listen.ip().is_loopback() || !config.credentials_in_url,
            "--credentials-in-url is for demonstrations on loopback only: listen on 127.0.0.1"
        );
        let files = FileStore::open(&config.data_dir)?;
        let readiness = Readiness::with_checks(vec![files_check(&files)]);
        Ok(Self {
            accounts: Accounts::open(config.users.as_deref(), &config.data_dir)?,
            files,
            tokens: Tokens::open(config.token_key_file.as_deref(), config.token_rules())?,
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            credentials_in_url: config.credentials_in_url,
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
