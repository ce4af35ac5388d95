//! What there is: the state, the routes, the life of the server.

use crate::config::Config;
use crate::tokens::Tokens;
use crate::{files, login};
use anyhow::{Context, ensure};
use api_contract::paths;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use http_edge::health::{self, Readiness};
use http_edge::ready::ReadyLine;
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::{Drain, serve};
use http_edge::{admin, listen, log, stop};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use upload_domain::accounts::Accounts;
use upload_domain::file_store::FileStore;

/// The longest JSON body: a name and a password, in bytes.
const MAX_JSON_BODY: usize = 16 * 1024;

/// Everything that handlers use. Nothing in here is about any caller.
#[derive(Clone)]
pub struct AppState {
    /// Who has an account; the same on every replica.
    pub accounts: Accounts,
    /// Uploads, on disk.
    pub files: FileStore,
    /// How callers' tokens are signed and checked.
    pub tokens: Tokens,
    /// This replica's name.
    pub replica_id: Arc<str>,
    /// Largest upload in bytes.
    pub max_upload: u64,
    /// Whether a password may stand in a URL.
    pub credentials_in_url: bool,
    /// How to stop.
    pub drain: Drain,
}

impl AppState {
    /// Opens what the command line names.
    ///
    /// # Errors
    /// When the data folder, the users file or the key is of no use.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        ensure!(
            config.edge.listen.ip().is_loopback() || !config.credentials_in_url,
            "--credentials-in-url is an exhibit and stays on loopback: listen on 127.0.0.1"
        );
        let files = FileStore::open(&config.data_dir)?;
        Ok(Self {
            accounts: Accounts::open(config.users.as_deref(), &config.data_dir)?,
            files,
            tokens: Tokens::open(config.token_key_file.as_deref(), config.token_rules())?,
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            credentials_in_url: config.credentials_in_url,
            drain: Drain::of(&config.edge, Readiness::default()),
        })
    }
}

/// The routes, and what every reply carries.
pub fn app(state: AppState) -> Completed {
    let url_in_log =
        if state.credentials_in_url { UrlInLog::PathAndQuery } else { UrlInLog::Path };
    let replies = Replies::of(&state.replica_id, url_in_log);
    let health = health::routes(state.drain.readiness.clone());
    let routes = Router::new()
        .route(paths::TOKEN, post(login::start))
        .route(paths::UPLOAD, post(files::upload))
        .route(paths::FILES, get(files::list))
        .route(paths::FILE, get(files::describe).delete(files::delete))
        .route(paths::FILE_CONTENT, get(files::content))
        .layer(DefaultBodyLimit::max(MAX_JSON_BODY))
        .with_state(state)
        .merge(health);
    Completed::new(routes, replies)
}

/// Serves until `shutdown` ends. Nobody notices that it did.
pub async fn run(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) {
    let housekeeping = tokio::spawn(keep_house(state.clone()));
    let drain = state.drain.clone();
    serve(listener, app(state), drain, shutdown).await;
    housekeeping.abort();
}

/// The program: opens everything, announces itself, serves until it is told to stop.
///
/// # Errors
/// When something on the command line cannot be used; the message says what to change.
pub async fn start(config: Config) -> anyhow::Result<()> {
    log::init(config.edge.log);
    let listener = listen::bind(config.edge.listen, config.edge.insecure_remote).await?;
    let admin = admin::start(config.edge.admin_listen).await?;
    let state = AppState::open(&config)?;
    ReadyLine {
        role: "stateless-server".to_owned(),
        replica_id: config.edge.replica_id,
        address: listener.local_addr().context("the listening address")?,
        admin,
    }
    .announce();
    run(listener, state, stop::signalled()).await;
    Ok(())
}

/// What happens while nobody asks for anything.
async fn keep_house(state: AppState) {
    let mut files = tokio::time::interval(Duration::from_secs(60));
    loop {
        files.tick().await;
        let store = state.files.clone();
        tokio::task::spawn_blocking(move || store.sweep());
    }
}
