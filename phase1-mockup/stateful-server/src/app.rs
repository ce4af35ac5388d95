//! What there is: the state, the routes, the life of the server.

use crate::config::Config;
use crate::sessions::Sessions;
use crate::{files, login};
use anyhow::Context;
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

/// Everything that handlers use. `sessions` is what dies with this process.
#[derive(Clone)]
pub struct AppState {
    /// Who has an account; the same on every replica.
    pub accounts: Accounts,
    /// Uploads, on disk.
    pub files: FileStore,
    /// Who is logged in, in this process's memory.
    pub sessions: Sessions,
    /// This replica's name.
    pub replica_id: Arc<str>,
    /// Largest upload in bytes.
    pub max_upload: u64,
    /// How often to look for dead sessions.
    pub sweep_every: Duration,
    /// How to stop.
    pub drain: Drain,
}

impl AppState {
    /// Opens what the command line names.
    ///
    /// # Errors
    /// When the data folder or the users file is of no use.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let files = FileStore::open(&config.data_dir)?;
        Ok(Self {
            accounts: Accounts::open(config.users.as_deref(), &config.data_dir)?,
            files,
            sessions: Sessions::new(config.session_limits()),
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            sweep_every: Duration::from_millis(config.sweep_ms),
            drain: Drain::of(&config.edge, Readiness::default()),
        })
    }
}

/// The routes, and what every reply carries.
pub fn app(state: AppState) -> Completed {
    let replies = Replies::of(&state.replica_id, UrlInLog::Path);
    let health = health::routes(state.drain.readiness.clone());
    let routes = Router::new()
        .route(paths::SESSION_START, post(login::start))
        .route(paths::SESSION, get(login::view))
        .route(paths::SESSION_END, post(login::end))
        .route(paths::UPLOAD, post(files::upload))
        .route(paths::FILES, get(files::list))
        .route(paths::FILE, get(files::describe).delete(files::delete))
        .route(paths::FILE_CONTENT, get(files::content))
        .layer(DefaultBodyLimit::max(MAX_JSON_BODY))
        .with_state(state)
        .merge(health);
    Completed::new(routes, replies)
}

/// Serves until `shutdown` ends. The sessions die with it, and the log says so.
pub async fn run(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) {
    let sessions = state.sessions.clone();
    let housekeeping = tokio::spawn(keep_house(state.clone()));
    let drain = state.drain.clone();
    serve(listener, app(state), drain, shutdown).await;
    housekeeping.abort();
    sessions.end_of_process();
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
        role: "stateful-server".to_owned(),
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
    let mut sessions = tokio::time::interval(state.sweep_every);
    let mut files = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = sessions.tick() => state.sessions.sweep(),
            _ = files.tick() => {
                let store = state.files.clone();
                tokio::task::spawn_blocking(move || store.sweep());
            }
        }
    }
}
