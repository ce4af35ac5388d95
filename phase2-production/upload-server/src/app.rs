//! The server as a whole: its state, its routes, start and shutdown.

use crate::accounts::Accounts;
use crate::clock;
use crate::config::{Config, Design};
use crate::cookies::Cookies;
use crate::events::Connections;
use crate::identity::{self, Identity};
use crate::limits::Limits;
use crate::origins::{self, Origins};
use crate::sessions::central::Central;
use crate::sessions::memory::Memory;
use crate::sessions::replicated::Replicated;
use crate::sessions::{SessionLimits, Sessions};
use crate::tokens::Tokens;
use crate::uploads::under_way::UnderWay;
use crate::{
    account, admin, docs, events, files, janitor, login, metric_descriptions, readiness,
    secret_file, stores, tus, uploads,
};
use anyhow::Context;
use api_contract::paths;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};
use blobs::Blobs;
use cache::Cache;
use http_edge::health;
use http_edge::ready::ReadyLine;
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::{Drain, serve};
use http_edge::{admin as admin_listener, listen, log, process_limits, recorder, stop};
use records::Records;
use records::quota::Allowance;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use upload_domain::passwords::HashCost;

/// Largest JSON body in bytes.
const MAX_JSON_BODY: usize = 16 * 1024;

/// State of all handlers, behind one pointer, because every request clones it several
/// times.
#[derive(Clone)]
pub struct AppState(Arc<App>);

/// The state behind [`AppState`]. Only `identity` differs between the designs.
pub struct App {
    /// Authenticates requests: sessions or tokens.
    pub(crate) identity: Identity,
    /// Accounts; the same on every replica.
    pub(crate) accounts: Accounts,
    /// The database: the primary store.
    pub(crate) records: Records,
    /// Contents of the files.
    pub(crate) blobs: Blobs,
    /// Rate limits.
    pub(crate) limits: Limits,
    /// Origins that may call this server from a browser.
    pub(crate) origins: Origins,
    /// Writes and reads the session cookie.
    pub(crate) cookies: Cookies,
    /// Open WebSocket connections.
    pub(crate) connections: Connections,
    /// Requests with bytes of uploads under way.
    pub(crate) uploads_under_way: UnderWay,
    /// Secret that only the replicas share.
    pub(crate) secret: Arc<[u8]>,
    /// This replica's name.
    pub(crate) replica_id: Arc<str>,
    /// Largest upload in bytes.
    pub(crate) max_upload: u64,
    /// Quota for the files of one account.
    pub(crate) quota: Allowance,
    /// Idle timeout of a session in seconds.
    pub(crate) idle_seconds: u64,
    /// Age at which a blob without a row is removed.
    pub(crate) orphan_grace: Duration,
    /// Lifetime of an unfinished upload.
    pub(crate) upload_ttl: Duration,
    /// Time between two sweeps for expired sessions.
    pub(crate) sweep_interval: Duration,
    /// Readiness and drain deadline for shutdown.
    pub(crate) drain: Drain,
}

impl Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

impl AppState {
    /// Opens the stores that the command line names.
    ///
    /// # Errors
    /// When a store cannot be reached or used; the message says what to change.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        clock::set_offset(config.clock_offset_ms);
        let records = stores::open_records(config).await?;
        let deployment = stores::deployment_id(&records).await?;
        let cache = stores::open_cache(config, &deployment).await?;
        metric_descriptions::register(config.design, cache.is_some());
        let secret =
            secret_file::open(config.stores.secret_file.as_deref(), &config.data_dir)?;
        let limits = Limits::new(cache.clone(), &config.limits);
        let public_url = config.public_url.as_deref();
        let blobs = stores::open_blobs(config, &deployment, &records).await?;
        let readiness = readiness::checks(&records, &blobs, cache.as_ref())
            .await
            .context("cannot read the database's clock: check --database-url")?;
        Ok(Self(Arc::new(App {
            identity: open_identity(config, &records, deployment, cache, &secret).await?,
            accounts: Accounts::new(records.clone(), limits.clone(), HashCost::Owasp)?,
            records,
            blobs,
            limits,
            origins: Origins::new(public_url, &config.origins)?,
            cookies: Cookies::new(
                public_url.is_some_and(|url| url.starts_with("https:")),
            ),
            connections: Connections::default(),
            uploads_under_way: UnderWay::default(),
            secret,
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            quota: Allowance { bytes: config.quota, files: config.max_files },
            idle_seconds: config.sessions.limits().idle.as_secs(),
            orphan_grace: Duration::from_millis(config.stores.orphan_grace_ms),
            upload_ttl: Duration::from_millis(config.stores.upload_life_ms),
            sweep_interval: Duration::from_millis(config.sessions.sweep_ms),
            drain: Drain::of(&config.edge, readiness),
        })))
    }
}

/// Opens the one part that differs between the designs. `memory` and `sticky` are the
/// same here: for `sticky`, the balancer makes the difference.
async fn open_identity(
    config: &Config,
    records: &Records,
    deployment: String,
    cache: Option<Cache>,
    secret: &[u8],
) -> anyhow::Result<Identity> {
    let limits: SessionLimits = config.sessions.limits();
    let records = records.clone();
    Ok(match config.design {
        Design::Memory | Design::Sticky => Sessions::Memory(Memory::new(limits)).into(),
        Design::Replicated => {
            let stores = &config.stores;
            let node = config.edge.replica_id.clone();
            let (listen, seeds) = (stores.gossip_listen, stores.gossip_seeds.clone());
            let joined =
                Replicated::join(node, listen, seeds, deployment, limits).await?;
            Sessions::Replicated(joined).into()
        }
        Design::Central => {
            let cache = cache.context("the central design needs Redis: set REDIS_URL")?;
            Sessions::Central(Central::new(records, cache, limits)).into()
        }
        Design::Token => {
            let most = config.sessions.max_sessions_per_user;
            let tokens = Tokens::open(records, cache, secret, &config.tokens, most);
            Identity::Tokens(tokens.await?)
        }
    })
}

/// The routes, and the headers that every reply carries.
pub fn app(state: AppState) -> Completed {
    let replies = Replies::of(&state.replica_id, UrlInLog::Path);
    let health = health::routes(state.drain.readiness.clone());
    let origins = state.origins.clone();
    let site = from_fn_with_state(state.clone(), identity::require_site);
    let routes = Router::new()
        .merge(caller_routes(&state.identity).route_layer(site.clone()))
        .merge(other_routes(&state.identity))
        .layer(DefaultBodyLimit::max(MAX_JSON_BODY))
        .with_state(state.clone())
        .merge(tus::routes(state).route_layer(site))
        .merge(docs::routes())
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
