//! What there is: the state, the routes, the life of the server.

use crate::clock;
use crate::config::{Config, Design};
use crate::cookies::Cookies;
use crate::events::Events;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::origins::{self, Origins};
use crate::people::People;
use crate::sessions::central::Central;
use crate::sessions::memory::Memory;
use crate::sessions::replicated::Replicated;
use crate::sessions::{SessionLimits, Sessions};
use crate::tokens::Tokens;
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
use http_edge::{admin as admin_listener, listen, log, recorder, stop};
use records::Records;
use records::quota::Allowance;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use upload_domain::passwords::HashCost;

/// The longest JSON body: a name and a password, in bytes.
const MAX_JSON_BODY: usize = 16 * 1024;

/// Everything that handlers use, behind one pointer: every request clones it, more than once.
#[derive(Clone)]
pub struct AppState(Arc<App>);

/// What is behind it. Only `identity` differs between the designs.
pub struct App {
    /// What callers are known by.
    pub(crate) identity: Identity,
    /// Who has an account; the same on every replica.
    pub(crate) people: People,
    /// The truth.
    pub(crate) records: Records,
    /// The bytes of the files.
    pub(crate) blobs: Blobs,
    /// How much is too much.
    pub(crate) limits: Limits,
    /// Which sites' pages may call.
    pub(crate) origins: Origins,
    /// How the session's cookie is written.
    pub(crate) cookies: Cookies,
    /// Who has a socket open.
    pub(crate) events: Events,
    /// What all replicas share and nobody else knows.
    pub(crate) secret: Arc<[u8]>,
    /// This replica's name.
    pub(crate) replica_id: Arc<str>,
    /// Largest upload in bytes.
    pub(crate) max_upload: u64,
    /// What one person's files may fill.
    pub(crate) quota: Allowance,
    /// Seconds of silence that a session survives.
    pub(crate) idle_seconds: u64,
    /// Age from which bytes that no record names are removed.
    pub(crate) orphan_grace: Duration,
    /// Time after which an unfinished upload is thrown away.
    pub(crate) upload_life: Duration,
    /// How often to look for what is dead.
    pub(crate) sweep_every: Duration,
    /// How to stop.
    pub(crate) drain: Drain,
}

impl Deref for AppState {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

impl AppState {
    /// Opens what the command line names.
    ///
    /// # Errors
    /// When a store cannot be reached or is of no use; the message says what to change.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        clock::is_off_by(config.clock_offset_ms);
        let records = stores::open_records(config).await?;
        let cache = stores::open_cache(config).await?;
        metric_descriptions::register(config.design, cache.is_some());
        let secret =
            secret_file::open(config.stores.secret_file.as_deref(), &config.data_dir)?;
        let limits = Limits::new(cache.clone(), &config.limits);
        let public_url = config.public_url.as_deref();
        let blobs = stores::open_blobs(config).await?;
        let readiness = readiness::looking_at(&records, &blobs, cache.as_ref())
            .await
            .context("the records do not say what time it is")?;
        Ok(Self(Arc::new(App {
            identity: open_identity(config, &records, cache, &secret).await?,
            people: People::new(records.clone(), limits.clone(), HashCost::Owasp)?,
            records,
            blobs,
            limits,
            origins: Origins::new(public_url, &config.origins)?,
            cookies: Cookies::new(
                public_url.is_some_and(|url| url.starts_with("https:")),
            ),
            events: Events::default(),
            secret,
            replica_id: Arc::from(config.edge.replica_id.as_str()),
            max_upload: config.max_upload,
            quota: Allowance { bytes: config.quota, files: config.max_files },
            idle_seconds: config.sessions.limits().idle.as_secs(),
            orphan_grace: Duration::from_millis(config.stores.orphan_grace_ms),
            upload_life: Duration::from_millis(config.stores.upload_life_ms),
            sweep_every: Duration::from_millis(config.sessions.sweep_ms),
            drain: Drain::of(&config.edge, readiness),
        })))
    }
}

/// The one thing in which the designs differ. `memory` and `sticky` are the same here: in
/// `sticky` the balancer makes the difference.
async fn open_identity(
    config: &Config,
    records: &Records,
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
            let joined = Replicated::join(node, listen, seeds, limits).await?;
            Sessions::Replicated(joined).into()
        }
        Design::Central => {
            let cache = cache.context("the central design needs Redis")?;
            Sessions::Central(Central::new(records, cache, limits)).into()
        }
        Design::Token => {
            Identity::Tokens(Tokens::open(records, cache, secret, &config.tokens).await?)
        }
    })
}

/// The routes, and what every reply carries.
pub fn app(state: AppState) -> Completed {
    let replies = Replies::of(&state.replica_id, UrlInLog::Path);
    let health = health::routes(state.drain.readiness.clone());
    let own_pages = (state.origins.clone(), state.cookies.clone());
    let routes = Router::new()
        .merge(identity_routes(&state.identity))
        .merge(people_routes())
        .merge(file_routes())
        .route(paths::EVENTS, get(events::open))
        .layer(DefaultBodyLimit::max(MAX_JSON_BODY))
        .with_state(state)
        .merge(docs::routes())
        .merge(health)
        .layer(from_fn_with_state(own_pages, origins::guard));
    Completed::new(routes, replies)
}

/// A caller who sends a session id gets nowhere with a design that knows tokens, and the
/// other way round: those calls do not exist there.
fn identity_routes(identity: &Identity) -> Router<AppState> {
    match identity {
        Identity::Sessions(_) => Router::new()
            .route(paths::SESSION_START, post(login::start))
            .route(paths::SESSION, get(login::view))
            .route(paths::SESSION_END, post(login::end)),
        Identity::Tokens(_) => Router::new()
            .route(paths::TOKEN, post(login::issue))
            .route(paths::TOKEN_REFRESH, post(login::refresh))
            .route(paths::TOKEN_REVOKE, post(login::revoke))
            .route(paths::JWKS, get(login::jwks))
            .route(paths::ADMIN_KEYS_ROTATE, post(admin::rotate_keys)),
    }
}

fn people_routes() -> Router<AppState> {
    Router::new()
        .route(paths::ACCOUNT_PASSWORD, post(account::change_password))
        .route(paths::ACCOUNT_SIGN_OUT, post(account::sign_out))
        .route(paths::ADMIN_USERS, get(admin::list))
        .route(paths::ADMIN_USER, patch(admin::change_person))
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
        .route(paths::UPLOADS_CONTENT, put(uploads::receive))
        .route(paths::TUS, post(tus::create).options(tus::options))
        .route(
            paths::TUS_UPLOAD,
            patch(tus::append).head(tus::offset).delete(tus::terminate),
        )
}

/// Serves until `shutdown` ends.
pub async fn run(
    listener: TcpListener,
    state: AppState,
    shutdown: impl Future<Output = ()>,
) {
    let (identity, sockets) = (state.identity.clone(), state.events.clone());
    let housekeeping = tokio::spawn(keep_house(state.clone()));
    let drain = state.drain.clone();
    let patience = drain.deadline;
    serve(listener, app(state), drain, shutdown).await;
    sockets.ended(patience).await;
    housekeeping.abort();
    if let Identity::Sessions(sessions) = identity {
        sessions.end_of_process().await;
    }
}

/// The program: opens everything, announces itself, serves until it is told to stop.
///
/// # Errors
/// When something on the command line cannot be used; the message says what to change.
pub async fn start(config: Config) -> anyhow::Result<()> {
    http_edge::crypto::choose();
    log::init(config.edge.log);
    let listener = listen::bind(config.edge.listen, config.edge.insecure_remote).await?;
    let admin = admin_listener::start(config.edge.admin_listen).await?;
    let state = AppState::open(&config).await?;
    let records = state.records.clone();
    recorder::add_collector(move || records.report_pools());
    ReadyLine {
        role: "upload-server".to_owned(),
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
    tokio::join!(
        sweep_sessions(&state),
        janitor::work(&state),
        events::look_for_all(&state)
    );
}

async fn sweep_sessions(state: &AppState) {
    let Identity::Sessions(sessions) = &state.identity else {
        return;
    };
    let mut round = tokio::time::interval(state.sweep_every);
    loop {
        round.tick().await;
        sessions.sweep().await;
    }
}
