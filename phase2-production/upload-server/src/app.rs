//! The server as a whole: its routes, start and shutdown.

use crate::config::Config;
use crate::identity::{self, Identity};
use crate::openapi::Described;
use crate::state::AppState;
use crate::{account, admin, docs, events, files, janitor, login, origins, tus, uploads};
use anyhow::Context;
use api_contract::paths;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};
use http_edge::health;
use http_edge::ready::ReadyLine;
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::serve;
use http_edge::{admin as admin_listener, listen, log, process_limits, recorder, stop};
use std::future::Future;
use tokio::net::TcpListener;

/// Largest JSON body in bytes.
const MAX_JSON_BODY: usize = 16 * 1024;

/// The routes, and the headers that every reply carries.
pub fn app(state: AppState) -> Completed {
    let replies = Replies::of(&state.replica_id, UrlInLog::Path);
    let health = health::routes(state.drain.readiness.clone());
    let origins = state.origins.clone();
    let site = from_fn_with_state(state.clone(), identity::require_site);
    let described = Described::new(
        matches!(state.identity, Identity::Sessions(_)),
        state.cookies.name(),
        state.max_upload,
    );
    let routes = Router::new()
        .merge(caller_routes(&state.identity).route_layer(site.clone()))
        .merge(other_routes(&state.identity))
        .layer(DefaultBodyLimit::max(MAX_JSON_BODY))
        .with_state(state.clone())
        .merge(tus::routes(state).route_layer(site))
        .merge(docs::routes(described))
        .merge(health)
        .layer(from_fn_with_state(origins, origins::guard));
    Completed::new(routes, replies)
}

/// The calls that rest on the caller's session, token or password.
fn caller_routes(identity: &Identity) -> Router<AppState> {
    let own = match identity {
        Identity::Sessions(_) => Router::new()
            .route(paths::SESSION, get(login::view))
            .route(paths::SESSION_END, post(login::end)),
        Identity::Tokens(_) => {
            Router::new().route(paths::ADMIN_KEYS_ROTATE, post(admin::rotate_keys))
        }
    };
    own.merge(account_routes())
        .merge(file_routes())
        .route(paths::EVENTS, get(events::open))
}

/// The calls that rest on no session: their credential is in the body or in a signed URL.
///
/// Session routes exist only in the session designs, token routes only in the token design. A
/// call of the other kind gets 404.
fn other_routes(identity: &Identity) -> Router<AppState> {
    let logins = match identity {
        Identity::Sessions(_) => {
            Router::new().route(paths::SESSION_START, post(login::start))
        }
        Identity::Tokens(_) => Router::new()
            .route(paths::TOKEN, post(login::issue))
            .route(paths::TOKEN_REFRESH, post(login::refresh))
            .route(paths::TOKEN_REVOKE, post(login::revoke))
            .route(paths::JWKS, get(login::jwks)),
    };
    logins.route(paths::UPLOADS_CONTENT, put(uploads::receive))
}

fn account_routes() -> Router<AppState> {
    Router::new()
        .route(paths::ACCOUNT_PASSWORD, post(account::change_password))
        .route(paths::ACCOUNT_SIGN_OUT, post(account::sign_out))
        .route(paths::ADMIN_USERS, get(admin::list))
        .route(paths::ADMIN_USER, patch(admin::change_account))
        .route(paths::ADMIN_USER_SIGN_OUT, post(admin::sign_out))
        .route(paths::ADMIN_AUDIT, get(admin::audit_log))
}

fn file_routes() -> Router<AppState> {
    Router::new()
        .route(paths::UPLOAD, post(files::upload))
        .route(paths::FILES, get(files::list))
        .route(paths::FILE, get(files::describe).delete(files::delete))
        .route(paths::FILE_CONTENT, get(files::content))
        .route(paths::UPLOADS, get(uploads::list))
        .route(paths::UPLOADS_START, post(uploads::start))
        .route(paths::UPLOADS_COMPLETE, post(uploads::complete))
        .route(paths::UPLOADS_ONE, delete(uploads::abort))
}

/// Serves until `shutdown` ends.
pub async fn run(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) {
    let (identity, connections) = (state.identity.clone(), state.connections.clone());
    let housekeeping = tokio::spawn(background_tasks(state.clone()));
    let drain = state.drain.clone();
    let timeout = drain.deadline;
    serve(listener, app(state), drain, shutdown).await;
    connections.close_all(timeout).await;
    housekeeping.abort();
    if let Identity::Sessions(sessions) = identity {
        sessions.end_of_process().await;
    }
}

/// Runs the program: opens the stores, prints the ready line, serves until a stop signal.
///
/// # Errors
/// When an argument cannot be used; the message says what to change.
pub async fn start(config: Config) -> anyhow::Result<()> {
    http_edge::crypto::install_provider();
    http_edge::descriptors::raise_descriptor_limit();
    log::init(config.edge.log);
    process_limits::survive_file_size_limit();
    let address = listen::reserve(config.edge.listen, config.edge.insecure_remote)?;
    let admin = admin_listener::start(config.edge.admin_listen).await?;
    let state = AppState::open(&config).await?;
    let listener = address.listen()?;
    let records = state.records.clone();
    recorder::add_collector(move || records.report_pools());
    ReadyLine {
        role: "upload-server".to_owned(),
        replica_id: config.edge.replica_id,
        address: listener.local_addr().context("the listening address")?,
        admin,
    }
    .announce();
    run(listener, state, stop::shutdown_signal()).await;
    Ok(())
}

/// Background work that no request triggers.
async fn background_tasks(state: AppState) {
    tokio::join!(
        sweep_sessions(&state),
        janitor::run(&state),
        events::poll_files(&state)
    );
}

async fn sweep_sessions(state: &AppState) {
    let Identity::Sessions(sessions) = &state.identity else {
        return;
    };
    let mut round = tokio::time::interval(state.sweep_interval);
    loop {
        round.tick().await;
        sessions.sweep(&state.records).await;
    }
}
