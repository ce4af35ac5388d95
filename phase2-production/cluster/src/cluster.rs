//! A balancer and its replicas, as processes.

use crate::balancer::BalancerAdmin;
use crate::orders::Order;
use crate::replica::Replica;
use crate::run_dir::RunDir;
use crate::status::{ClusterStatus, MemberStatus};
use crate::topology::Topology;
use front::Front;
use futures_util::future::join_all;
use services::Services;
use shared::Shared;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::task::JoinSet;
use upload_domain::accounts::FreshAccount;

mod front;
mod plan;
mod services;
mod shared;
mod supervise;
mod who;

/// The balancer's name among the members.
pub const BALANCER: &str = "lb";

/// A running cluster. [`Cluster::down`] stops it in order; dropped, it is killed.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    /// One task a member; they end with this value.
    watchers: Mutex<JoinSet<()>>,
    fresh_accounts: Vec<FreshAccount>,
}

impl Cluster {
    /// Starts everything and waits until the balancer sees every replica as well.
    ///
    /// # Errors
    /// When a process does not start; then none is left.
    pub async fn start(topology: Topology) -> anyhow::Result<Self> {
        let run_dir = RunDir::create(&topology.program)?;
        Self::start_in(run_dir, topology).await
    }

    /// The same, in a folder that is there already.
    ///
    /// # Errors
    /// When a process does not start; then none is left, and the folder is gone.
    pub async fn start_in(run_dir: RunDir, topology: Topology) -> anyhow::Result<Self> {
        let cluster = Self::prepare(run_dir, topology).await?;
        let started = cluster.start_members().await;
        if started.is_err() {
            cluster.down().await;
        }
        started.map(|()| cluster)
    }

    /// The balancer starts first: what only it can find wrong, such as a taken port or a
    /// key that does not fit, is known before anybody has waited for a database.
    async fn prepare(run_dir: RunDir, topology: Topology) -> anyhow::Result<Self> {
        plan::write_secrets(&run_dir)?;
        let admin = BalancerAdmin::new(plan::admin_token(&run_dir)?)?;
        let balancer = plan::balancer(&topology, &run_dir);
        let balancer = Replica::new(BALANCER.to_owned(), balancer);
        let address = balancer.start().await?;
        // A balancer that is started again must be found where it was.
        balancer.respecify(|spec| plan::listen_on(spec, address));
        let (users_file, fresh_accounts) = who::users(&topology, &run_dir)?;
        let shared = Arc::new(Shared {
            admin,
            balancer: Arc::new(balancer),
            front: Front::of(&topology, &run_dir, address),
            replicas: RwLock::default(),
            named: AtomicUsize::default(),
            users_file,
            gossip: Mutex::default(),
            services: Services::start(&topology, &run_dir).await?,
            run_dir,
            topology,
        });
        Ok(Self { shared, watchers: Mutex::default(), fresh_accounts })
    }

    async fn start_members(&self) -> anyhow::Result<()> {
        self.watch_over(Arc::clone(&self.shared.balancer));
        // Each to its end: a start that is given up halfway leaves a process behind.
        let replicas = 0..self.shared.topology.replicas;
        let started = join_all(replicas.map(|_| self.add())).await;
        started.into_iter().try_for_each(|one| one.map(drop))
    }

    /// Demo accounts that were made for this cluster; none when a users file was given.
    #[must_use]
    pub fn fresh_accounts(&self) -> &[FreshAccount] {
        &self.fresh_accounts
    }

    /// Where clients knock.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.front.url.clone()
    }

    /// The certificate that clients have to trust, if the balancer made one. It makes
    /// another whenever it is started again.
    #[must_use]
    pub fn certificate(&self) -> Option<&Path> {
        self.shared.front.certificate.as_deref()
    }

    /// Logs and temporary data.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        self.shared.run_dir.path()
    }

    /// The replicas' names, in the order in which they were added.
    #[must_use]
    pub fn replica_ids(&self) -> Vec<String> {
        self.shared.replicas().iter().map(|replica| replica.id.clone()).collect()
    }

    /// Starts one more replica and returns its name.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add(&self) -> anyhow::Result<String> {
        let replica = self.shared.new_replica()?;
        let started = self.shared.start_replica(&replica).await;
        if let Err(error) = started {
            self.shared.forget(&replica);
            return Err(error);
        }
        self.watch_over(Arc::clone(&replica));
        Ok(replica.id.clone())
    }

    /// Carries out an order on one member, and returns when it is done.
    ///
    /// # Errors
    /// When there is no such member, it is down (it can then only be restarted), or a
    /// start fails.
    pub async fn order(&self, id: &str, order: Order) -> anyhow::Result<()> {
        if id == BALANCER {
            return self.shared.order_balancer(order).await;
        }
        if let Some(service) = self.shared.services.find(id) {
            return services::order(service, order).await;
        }
        let replica = self.shared.find(id)?;
        tracing::info!(replica = id, order = order.as_str(), "order");
        match order {
            Order::Kill => replica.kill().await?,
            Order::Stop => replica.stop().await?,
            Order::Pause => replica.pause().await?,
            Order::Resume => replica.resume().await?,
            Order::Drain => self.shared.drain(&replica).await?,
            Order::Undrain => self.shared.undrain(&replica).await?,
            Order::Restart => {
                // A replica that is down, or a balancer that is, cannot be drained, and
                // need not be.
                let _not_needed = self.shared.drain(&replica).await;
                let _may_be_down = replica.stop().await;
                self.shared.start_replica(&replica).await?;
            }
        }
        Ok(())
    }

    /// Everything at this moment.
    pub async fn status(&self) -> ClusterStatus {
        let shared = &self.shared;
        let seen = match shared.balancer.view().admin {
            Some(admin) => shared.admin.status(admin).await.ok(),
            None => None,
        };
        let member = |replica: &Arc<Replica>| {
            let view = replica.view();
            MemberStatus {
                id: replica.id.clone(),
                state: view.state,
                pid: view.pid,
                address: view.address,
                admin: view.admin,
                log: plan::log_file(&shared.run_dir, &replica.id),
                restarts: view.restarts,
                balancer: seen
                    .as_ref()
                    .and_then(|seen| seen.backend(&replica.id).cloned()),
            }
        };
        let replicas = shared.replicas();
        ClusterStatus {
            design: shared.topology.server,
            policy: shared.topology.policy,
            url: self.url(),
            certificate: self.certificate().map(Path::to_owned),
            launcher_pid: std::process::id(),
            run_dir: shared.run_dir.path().to_owned(),
            users_file: shared.users_file.clone(),
            members: std::iter::once(&shared.balancer)
                .chain(&replicas)
                .map(member)
                .collect(),
            services: shared.services.status(),
        }
    }

    /// Stops everything in order: the balancer, which takes no new clients and finishes
    /// what it has while every replica is still there, and then the replicas.
    pub async fn down(&self) {
        let mut watchers = std::mem::take(&mut *self.watchers());
        watchers.shutdown().await;
        let _may_be_down = self.shared.balancer.stop().await;
        let replicas = self.shared.replicas();
        join_all(replicas.iter().map(|replica| replica.stop())).await;
    }

    fn watch_over(&self, replica: Arc<Replica>) {
        let shared = Arc::clone(&self.shared);
        self.watchers().spawn(supervise::watch_over(shared, replica));
    }

    fn watchers(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
