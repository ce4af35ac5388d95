//! The state of all handlers, and how it is opened.

use crate::accounts::Accounts;
use crate::clock;
use crate::config::{Config, Design};
use crate::cookies::Cookies;
use crate::events::Connections;
use crate::files::store::Files;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::origins::Origins;
use crate::sessions::central::Central;
use crate::sessions::memory::Memory;
use crate::sessions::replicated::Replicated;
use crate::sessions::{SessionLimits, Sessions};
use crate::tokens::Tokens;
use crate::uploads::under_way::UnderWay;
use crate::{metric_descriptions, readiness, secret_file, stores};
use anyhow::Context;
use axum::extract::FromRef;
use blobs::Blobs;
use cache::Cache;
use http_edge::serve::Drain;
use records::Records;
use records::quota::Allowance;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use upload_domain::passwords::HashCost;

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

    /// Access to rows and blobs.
    pub(crate) fn files(&self) -> Files {
        Files {
            records: self.records.clone(),
            blobs: self.blobs.clone(),
            quota: self.quota,
            orphan_grace: self.orphan_grace,
            replica_id: Arc::clone(&self.replica_id),
        }
    }
}

impl FromRef<AppState> for Limits {
    fn from_ref(app: &AppState) -> Self {
        app.limits.clone()
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
