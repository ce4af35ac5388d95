//! The services that the replicas of Phase 2 share. They start before the replicas and end
//! after them.

use super::{plan, sqlite_locks};
use crate::commands::{MemberAction, hint};
use crate::status::ServiceStatus;
use crate::topology::{Files, Topology};
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use backing_services::{
    Backing, Kind, Service, ServiceType, State, database, offers, redis, s3,
};
use process::RunDir;
use records::{PoolLimits, Records};
use std::path::{Path, PathBuf};

/// The URL of the database owner. Only the launcher may use it; replicas are not the owner.
const OWNER_URL_VARIABLE: &str = "DATABASE_OWNER_URL";

/// The running services, and their URLs for the replicas.
#[derive(Debug, Default)]
pub(super) struct Services {
    running: Vec<Service>,
    /// Each URL with the name of its environment variable.
    urls: Vec<(&'static str, Secret)>,
    /// Why there is no Redis, if the design does not need it.
    without_redis: Option<String>,
}

impl Services {
    /// Starts the services of the design, and migrates the database schema.
    pub(super) async fn start(
        topology: &Topology,
        run_dir: &RunDir,
    ) -> anyhow::Result<Self> {
        let mut services = Self::default();
        if !topology.server.has_records() {
            return Ok(services);
        }
        let data_dir = plan::data_dir(topology, run_dir);
        std::fs::create_dir_all(&data_dir).with_context(|| {
            format!("cannot use the data folder {}", data_dir.display())
        })?;
        let records = records(topology, run_dir.path(), &data_dir).await?;
        let url = as_application(&records).await?;
        services.take(records, url);
        match optional_redis(topology, run_dir.path()).await? {
            Ok(redis) => {
                let url = redis.url.clone();
                services.take(redis, url);
            }
            Err(reason) => services.without_redis = Some(reason),
        }
        if topology.files == Files::S3 {
            let is_private = std::env::var(ServiceType::S3.variable()).is_err();
            if topology.data_dir.is_some() && is_private {
                bail!(
                    "a private S3 store ends with the cluster, but --data-dir must outlive \
                     it: set FILES_URL to your own store, or leave out --files s3"
                );
            }
            let store = s3(Backing::Auto, run_dir.path()).await?;
            let url = store.url.clone();
            services.take(store, url);
        }
        Ok(services)
    }

    fn take(&mut self, service: Service, url: String) {
        self.urls.push((service.what().variable(), Secret::new(url)));
        self.running.push(service);
    }

    /// The URL of the database with which the replicas connect.
    pub(super) fn database_url(&self) -> Option<&str> {
        let variable = ServiceType::Database.variable();
        let found = self.urls.iter().find(|(name, _)| *name == variable);
        found.map(|(_, url)| url.expose())
    }

    pub(super) fn urls(&self) -> &[(&'static str, Secret)] {
        &self.urls
    }

    /// The shared memory file of the database, if it is SQLite.
    pub(super) fn sqlite_shared_memory(&self) -> Option<PathBuf> {
        let database =
            self.running.iter().find(|one| one.what() == ServiceType::Database)?;
        sqlite_locks::shared_memory_of(&database.url)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.running.iter().map(|service| service.what().as_str()).collect()
    }

    pub(super) fn find(&self, id: &str) -> Option<&Service> {
        self.running.iter().find(|service| service.what().as_str() == id)
    }

    pub(super) fn status(&self) -> Vec<ServiceStatus> {
        let running = self.running.iter().map(|service| ServiceStatus {
            id: service.what().as_str().to_owned(),
            kind: Some(service.kind),
            why: service.why.clone(),
            state: service.state(),
            log: service.log(),
        });
        let without = self.without_redis.iter().map(|reason| ServiceStatus {
            id: ServiceType::Redis.as_str().to_owned(),
            kind: None,
            why: reason.clone(),
            state: State::Down,
            log: None,
        });
        running.chain(without).collect()
    }
}

/// Executes a command on a service.
pub(super) async fn execute(
    service: &Service,
    command: MemberAction,
    cluster: &str,
) -> anyhow::Result<()> {
    let id = service.what().as_str();
    if service.state() == State::Down && command != MemberAction::Restart {
        bail!("{id} is down: {}", hint(&format!("restart {id}"), cluster));
    }
    tracing::info!(service = id, command = command.as_str(), "command");
    match command {
        MemberAction::Kill => service.kill9().await,
        MemberAction::Stop => service.stop().await,
        MemberAction::Pause => service.pause().await,
        MemberAction::Resume => service.resume().await,
        MemberAction::Restart => service.restart().await,
        MemberAction::Drain | MemberAction::Undrain => {
            bail!("replicas are drained; {id} is what they share")
        }
    }
}

/// Starts or connects to the database. Data that must outlive the cluster cannot be in a private
/// Postgres, because that ends with the cluster.
async fn records(
    topology: &Topology,
    run_dir: &Path,
    data_dir: &Path,
) -> anyhow::Result<Service> {
    let is_persistent = topology.data_dir.is_some();
    let backing = match topology.backing {
        Backing::Local | Backing::Container if is_persistent => bail!(
            "a private Postgres ends with the cluster, but --data-dir must outlive it: \
             set DATABASE_URL to your own database, or use --backing embedded"
        ),
        Backing::Auto if is_persistent => {
            let url = offers(ServiceType::Database).await.into_iter();
            let url = url.filter(|offer| offer.kind == Kind::Url);
            match url.into_iter().any(|offer| offer.found.is_ok()) {
                true => Backing::Url,
                false => Backing::Embedded,
            }
        }
        asked => asked,
    };
    let is_file = backing == Backing::Embedded;
    let mut service = database(backing, if is_file { data_dir } else { run_dir }).await?;
    if is_file && topology.backing == Backing::Auto {
        service.why = "SQLite, in a file: --data-dir must outlive the cluster, and a \
                       private Postgres does not"
            .to_owned();
    }
    Ok(service)
}

/// The URL for the replicas, after the schema was migrated. The launcher owns a private
/// database. A configured URL may be that of the application role already.
async fn as_application(database: &Service) -> anyhow::Result<String> {
    if database.kind == Kind::Url {
        let owner = std::env::var(OWNER_URL_VARIABLE).ok().filter(|url| !url.is_empty());
        if let Some(owner) = owner {
            Records::migrate(&owner).await?;
            return Ok(database.url.clone());
        }
        if Records::open(&database.url, PoolLimits::default()).await.is_ok() {
            return Ok(database.url.clone());
        }
    }
    Ok(Records::migrate(&database.url).await?.app_url)
}

/// Redis, or the reason why there is none. If the design does not need Redis, it is not built
/// from source, because that takes a minute.
async fn optional_redis(
    topology: &Topology,
    dir: &Path,
) -> anyhow::Result<Result<Service, String>> {
    if topology.server.needs_redis() {
        return redis(topology.backing, dir).await.map(Ok);
    }
    let wanted = topology.backing.kind();
    let offers = offers(ServiceType::Redis).await;
    let mut available =
        offers.iter().filter(|offer| wanted.is_none_or(|one| one == offer.kind));
    if available.any(|offer| offer.found.is_ok() && !offer.to_be_built) {
        return redis(topology.backing, dir).await.map(Ok);
    }
    let reasons = offers.iter().filter_map(|offer| offer.found.as_ref().err());
    let reasons: Vec<_> = reasons.map(String::as_str).collect();
    let reasons = reasons.join("; ");
    Ok(Err(format!("none, so each replica counts its rate limits alone: {reasons}")))
}
