//! A cluster: a balancer and its replicas, as processes.

use crate::balancer::BalancerAdmin;
use crate::commands::MemberAction;
use crate::member::Member;
use crate::status::{ClusterStatus, MemberStatus};
use crate::topology::{Reach, Topology};
use accounts::Unshown;
use anyhow::Context;
use endpoint::PublicEndpoint;
use futures_util::future::join_all;
use http_edge::listen;
use process::RunDir;
use reconciler::Reconciler;
use services::Services;
use shared::Shared;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::task::JoinSet;
use upload_domain::accounts::GeneratedAccount;

mod accounts;
mod endpoint;
mod plan;
mod reconciler;
mod services;
mod shared;
mod sqlite_locks;
mod supervise;

/// The id of the balancer among the members.
pub const BALANCER: &str = "lb";

/// A running cluster. [`Cluster::down`] stops it in order; dropping it kills all processes.
#[derive(Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    /// One task for each member; dropping this value ends them.
    supervisors: Mutex<JoinSet<()>>,
    unshown: Unshown,
}

impl Cluster {
    /// Starts all processes and waits until the balancer reports every replica as up.
    ///
    /// # Errors
    /// When a process does not start. Then no process remains.
    pub async fn start(topology: Topology) -> anyhow::Result<Self> {
        let run_dir = RunDir::create()?;
        Self::start_in(run_dir, topology).await
    }

    /// The same, in an existing run folder.
    ///
    /// # Errors
    /// When a process does not start. Then no process remains, and the folder is removed.
    pub async fn start_in(run_dir: RunDir, topology: Topology) -> anyhow::Result<Self> {
        let cluster = Self::prepare(run_dir, topology).await?;
        let started = cluster.start_members().await;
        if started.is_err() {
            cluster.down().await;
        }
        started.map(|()| cluster)
    }

    /// The balancer starts first, so that its errors, such as a wrong key, are reported before
    /// the slow start of a database. Before it the launcher takes the public port, and keeps
    /// it: clients of a balancer that restarts or is dead wait instead of being refused.
    async fn prepare(run_dir: RunDir, topology: Topology) -> anyhow::Result<Self> {
        let is_protected =
            topology.tls.is_some() || topology.reach == Reach::OtherMachines;
        let listener = listen::bind(topology.listen, is_protected).await?;
        let listener = listener.into_std().context("the public port")?;
        let address = listener.local_addr().context("the public port")?;
        plan::write_secrets(&run_dir)?;
        let admin = BalancerAdmin::new(plan::admin_token(&run_dir)?);
        let balancer = plan::balancer(&topology, &run_dir, listener);
        let balancer = Member::new(BALANCER.to_owned(), &topology.name, balancer);
        balancer.start().await?;
        let services = Services::start(&topology, &run_dir).await?;
        // After the services: a cluster that lacks one leaves no accounts behind.
        let (users_file, mut unshown) = accounts::users(&topology, &run_dir)?;
        if let Some(url) = services.database_url() {
            accounts::check_stored(&topology.users, url, &users_file, &mut unshown)
                .await?;
        }
        let shared = Arc::new(Shared {
            reconciler: Reconciler::new(admin),
            balancer: Arc::new(balancer),
            endpoint: PublicEndpoint::new(&topology, &run_dir, address),
            replicas: RwLock::default(),
            started: AtomicUsize::default(),
            users_file,
            gossip: Mutex::default(),
            services,
            run_dir,
            topology,
        });
        Ok(Self { shared, supervisors: Mutex::default(), unshown })
    }

    async fn start_members(&self) -> anyhow::Result<()> {
        self.supervise(Arc::clone(&self.shared.balancer));
        self.supervisors().spawn(reconciler::run(Arc::clone(&self.shared)));
        // Every start runs to its end, because an abandoned start would leave a process.
        let replicas = 0..self.shared.topology.replicas;
        let started = join_all(replicas.map(|_| self.add())).await;
        started.into_iter().try_for_each(|one| one.map(drop))
    }

    /// The generated demo accounts whose passwords were not shown yet. They may be those of an
    /// earlier start with the same data folder. Empty if a users file was given.
    #[must_use]
    pub fn generated_accounts(&self) -> &[GeneratedAccount] {
        &self.unshown.accounts
    }

    /// Whether the database already had accounts, whose passwords were shown by an earlier start.
    #[must_use]
    pub const fn keeps_earlier_accounts(&self) -> bool {
        self.unshown.has_earlier
    }

    /// Records that the passwords of the generated accounts were shown. Until then every start
    /// with the same data folder returns them again.
    pub fn accounts_shown(&self) {
        self.unshown.forget();
    }

    /// The base URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.endpoint.url.clone()
    }

    /// The self-signed certificate that clients must trust, if there is one. The balancer
    /// creates a new one at every start.
    #[must_use]
    pub fn certificate(&self) -> Option<&Path> {
        self.shared.endpoint.certificate.as_deref()
    }

    /// The folder of logs and temporary data.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        self.shared.run_dir.path()
    }

    /// The ids of the replicas, in the order of their creation.
    #[must_use]
    pub fn replica_ids(&self) -> Vec<String> {
        self.shared.replicas().iter().map(|replica| replica.id.clone()).collect()
    }

    /// Starts one more replica and returns its id.
    ///
    /// # Errors
    /// When it does not start, or gets no requests. Then nothing of it remains.
    pub async fn add(&self) -> anyhow::Result<String> {
        let replica = self.shared.new_replica()?;
        let started = replica.start().await;
        let address = started.inspect_err(|_| self.shared.remove(&replica))?;
        if let Err(error) = self.shared.wait_until_up("add", &replica, address).await {
            self.shared.remove(&replica);
            let _may_have_ended = replica.stop().await;
            let id = &replica.id;
            return Err(error.context(format!("{id} was stopped and removed again")));
        }
        self.supervise(Arc::clone(&replica));
        Ok(replica.id.clone())
    }

    /// Executes a command on one member, and returns when it is done.
    ///
    /// # Errors
    /// When there is no such member, the member is down (then only a restart works), or a
    /// start fails.
    pub async fn execute(&self, id: &str, command: MemberAction) -> anyhow::Result<()> {
        if id == BALANCER {
            return self.shared.execute_on_balancer(command).await;
        }
        if let Some(service) = self.shared.services.find(id) {
            return services::execute(service, command, &self.shared.topology.name).await;
        }
        let replica = self.shared.find(id)?;
        tracing::info!(replica = id, command = command.as_str(), "command");
        match command {
            MemberAction::Kill => replica.kill().await?,
            MemberAction::Stop => replica.stop().await?,
            MemberAction::Pause => self.shared.pause(&replica).await?,
            MemberAction::Resume => replica.resume().await?,
            MemberAction::Drain => self.shared.drain(&replica).await?,
            MemberAction::Undrain => self.shared.undrain(&replica).await?,
            MemberAction::Restart => self.shared.restart_replica(&replica).await?,
        }
        self.shared.reconciler.notify();
        Ok(())
    }

    /// The current status.
    pub async fn status(&self) -> ClusterStatus {
        let shared = &self.shared;
        let balancer = match shared.balancer.view().admin {
            Some(admin) => shared.reconciler.admin.status(admin).await.ok(),
            None => None,
        };
        let member = |replica: &Arc<Member>| {
            let view = replica.view();
            MemberStatus {
                id: replica.id.clone(),
                state: view.state,
                pid: view.pid,
                address: view.address,
                admin: view.admin,
                log: plan::log_file(&shared.run_dir, &replica.id),
                restarts: view.restarts,
                balancer: balancer
                    .as_ref()
                    .and_then(|status| status.backend(&replica.id).cloned()),
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

    /// Stops everything in order: first the balancer, so that its open requests can finish
    /// while every replica still runs, and then the replicas.
    pub async fn down(&self) {
        let mut supervisors = std::mem::take(&mut *self.supervisors());
        supervisors.shutdown().await;
        // Closes the public port as soon as the balancer accepts no more.
        self.shared.balancer.change_spec(|spec| spec.listener = None);
        let _may_be_down = self.shared.balancer.stop().await;
        let replicas = self.shared.replicas();
        join_all(replicas.iter().map(|replica| replica.stop())).await;
    }

    fn supervise(&self, replica: Arc<Member>) {
        let shared = Arc::clone(&self.shared);
        self.supervisors().spawn(supervise::supervise(shared, replica));
    }

    fn supervisors(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
