//! The services that the replicas of Phase 2 share: started before them, ended after them.

use super::plan;
use crate::orders::Order;
use crate::run_dir::RunDir;
use crate::status::ServiceStatus;
use crate::topology::{Files, Topology};
use anyhow::{Context, bail};
use api_contract::secret::Secret;
use backing_services::{
    Backing, Kind, Service, State, What, database, offers, redis, s3,
};
use records::{PoolLimits, Records};
use std::path::Path;

/// What only the launcher may use: replicas are no owners of the database.
const OWNER: &str = "DATABASE_OWNER_URL";

/// What runs, and how the replicas reach it.
#[derive(Debug, Default)]
pub(super) struct Services {
    running: Vec<Service>,
    /// By the names of the variables in which the replicas get them.
    urls: Vec<(&'static str, Secret)>,
    /// Why there is no Redis, where it can be done without.
    without_redis: Option<String>,
}

impl Services {
    /// Starts what the design needs, and brings the database's schema up to date.
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

    pub(super) fn urls(&self) -> &[(&'static str, Secret)] {
        &self.urls
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
            id: What::Redis.as_str().to_owned(),
            kind: None,
            why: reason.clone(),
            state: State::Down,
            log: None,
        });
        running.chain(without).collect()
    }
}

/// Carries out an order on a service.
pub(super) async fn order(service: &Service, order: Order) -> anyhow::Result<()> {
    let id = service.what().as_str();
    if service.state() == State::Down && order != Order::Restart {
        bail!("{id} is down: cargo lab restart {id}");
    }
    tracing::info!(service = id, order = order.as_str(), "order");
    match order {
        Order::Kill => service.kill9().await,
        Order::Stop => service.stop().await,
        Order::Pause => service.pause().await,
        Order::Resume => service.resume().await,
        Order::Restart => service.restart().await,
        Order::Drain | Order::Undrain => {
            bail!("replicas are drained; {id} is what they share")
        }
    }
}

/// The database. What is to outlive the cluster must not lie in a private Postgres, which
/// does not.
async fn records(
    topology: &Topology,
    run_dir: &Path,
    data_dir: &Path,
) -> anyhow::Result<Service> {
    let is_to_stay = topology.data_dir.is_some();
    let backing = match topology.backing {
        Backing::Local | Backing::Container if is_to_stay => bail!(
            "a private Postgres ends with the cluster, and --data-dir is to outlive it: \
             name a database of your own in DATABASE_URL, or take --backing embedded"
        ),
        Backing::Auto if is_to_stay => {
            let url = offers(What::Database).await.into_iter();
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
        service.why =
            "took SQLite, in a file: --data-dir is to outlive the cluster, and a \
                       private Postgres does not"
                .to_owned();
    }
    Ok(service)
}

/// How the replicas connect, to a schema that is up to date. A private database is the
/// launcher's own; one that somebody named may be named as the application already.
async fn as_application(database: &Service) -> anyhow::Result<String> {
    if database.kind == Kind::Url {
        let owner = std::env::var(OWNER).ok().filter(|url| !url.is_empty());
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

/// Redis, or why there is none where the design can do without: it is not worth a minute
/// of building then.
async fn optional_redis(
    topology: &Topology,
    dir: &Path,
) -> anyhow::Result<Result<Service, String>> {
    if topology.server.needs_redis() {
        return redis(topology.backing, dir).await.map(Ok);
    }
    let wanted = topology.backing.kind();
    let offers = offers(What::Redis).await;
    let mut here =
        offers.iter().filter(|offer| wanted.is_none_or(|one| one == offer.kind));
    if here.any(|offer| offer.found.is_ok() && !offer.to_be_built) {
        return redis(topology.backing, dir).await.map(Ok);
    }
    let reasons = offers.iter().filter_map(|offer| offer.found.as_ref().err());
    let reasons: Vec<_> = reasons.map(String::as_str).collect();
    let reasons = reasons.join("; ");
    Ok(Err(format!("none, so each replica counts its limits for itself: {reasons}")))
}
