//! The routes and the lifecycle of the server.

use crate::config::Config;
use crate::state::AppState;
use crate::{files, login};
use anyhow::Context;
use api_contract::paths;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use http_edge::health;
use http_edge::ready::ReadyLine;
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::serve;
use http_edge::{admin, listen, log, process_limits, stop};
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpListener;

/// The largest JSON body (a login) in bytes.
const MAX_JSON_BODY: usize = 16 * 1024;

/// The routes, and the headers of every reply.
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

/// Serves until `shutdown` completes. Then all sessions end, and each end is logged.
pub async fn run(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) {
    let sessions = state.sessions.clone();
    let background_tasks = tokio::spawn(run_background_tasks(state.clone()));
    let drain = state.drain.clone();
    serve(listener, app(state), drain, shutdown).await;
    background_tasks.abort();
    sessions.end_all();
}

/// Runs the program: opens all files, prints the ready line, and serves until a signal.
///
/// # Errors
/// When an argument cannot be used. The message has advice.
pub async fn start(config: Config) -> anyhow::Result<()> {
    http_edge::descriptors::raise_descriptor_limit();
    log::init(config.edge.log);
    process_limits::survive_file_size_limit();
    let address = listen::reserve(config.edge.listen, config.edge.insecure_remote)?;
    let admin = admin::start(config.edge.admin_listen).await?;
    let state = AppState::open(&config)?;
    let listener = address.listen()?;
    ReadyLine {
        role: "stateful-server".to_owned(),
        replica_id: config.edge.replica_id,
        address: listener.local_addr().context("the listening address")?,
        admin,
    }
    .announce();
    run(listener, state, stop::shutdown_signal()).await;
    Ok(())
}

/// Runs the periodic background tasks.
async fn run_background_tasks(state: AppState) {
    let mut sessions = tokio::time::interval(state.sweep_interval);
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
