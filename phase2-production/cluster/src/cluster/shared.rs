//! The state that the cluster, its supervisors and the control API share, and the operations
//! that involve a replica and the balancer.

use super::BALANCER;
use super::endpoint::PublicEndpoint;
use super::plan::{self, Gossip};
use super::services::Services;
use crate::balancer::BalancerAdmin;
use crate::commands::MemberAction;
use crate::member::Member;
use crate::run_dir::RunDir;
use crate::status::ProcessState;
use crate::topology::{ServerKind, Topology};

use anyhow::{Context, bail};
use api_contract::design::Design;
use load_balancer::status::BackendState;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// The longest time until the balancer reports a replica in the expected state.
const BACKEND_STATE_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) topology: Topology,
    pub(super) admin: BalancerAdmin,
    pub(super) balancer: Arc<Member>,
    pub(super) endpoint: PublicEndpoint,
    pub(super) replicas: RwLock<Vec<Arc<Member>>>,
    /// The number of replicas ever started. An id is never reused, because a log or a cookie
    /// may still contain it.
    pub(super) started: AtomicUsize,
    pub(super) users_file: PathBuf,
    /// The gossip addresses of the replicas, in the order of their ids.
    pub(super) gossip: Mutex<Vec<SocketAddr>>,
    pub(super) services: Services,
    /// The last field, so that the processes end before their folder is removed.
    pub(super) run_dir: RunDir,
}

impl Shared {
    pub(super) fn replicas(&self) -> Vec<Arc<Member>> {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn find(&self, id: &str) -> anyhow::Result<Arc<Member>> {
        let replicas = self.replicas();
        let names: Vec<_> = replicas.iter().map(|replica| replica.id.as_str()).collect();
        let found = replicas.iter().find(|replica| replica.id == id).cloned();
        found.with_context(|| {
            let services = self.services.names();
            let all = [&[BALANCER], &names[..], &services].concat();
            format!("there is no {id} here; there are {}", all.join(", "))
        })
    }

    pub(super) fn new_replica(&self) -> anyhow::Result<Arc<Member>> {
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let id = format!("r{}", number + 1);
        let gossip = match self.topology.server {
            ServerKind::Upload(Design::Replicated) => {
                Some(self.gossip_addresses(number)?)
            }
            _ => None,
        };
        let (topology, run_dir) = (&self.topology, &self.run_dir);
        let (users, endpoint) = (&self.users_file, &self.endpoint);
        let mut spec =
            plan::replica(topology, run_dir, users, &id, endpoint, gossip.as_ref());
        spec.secrets = self.services.urls().to_vec();
        let replica = Arc::new(Member::new(id, spec));
        replicas.push(Arc::clone(&replica));
        Ok(replica)
    }

    /// The gossip address of a replica, and all other known addresses. The initial replicas
    /// get each other's addresses, independent of the order in which they start.
    fn gossip_addresses(&self, number: usize) -> anyhow::Result<Gossip> {
        let mut known = self.gossip.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.topology.replicas.max(number + 1);
        // Bound at the same time, so that each gets a different port.
        let missing = (known.len()..wanted).map(|_| UdpSocket::bind("127.0.0.1:0"));
        let missing = missing.collect::<io::Result<Vec<_>>>();
        for socket in missing.context("cannot find a port for gossip")? {
            known.push(socket.local_addr().context("a port for gossip")?);
        }
        let others = known.iter().enumerate().filter(|(at, _)| *at != number);
        Ok(Gossip { own: known[number], others: others.map(|(_, at)| *at).collect() })
    }

    pub(super) fn remove(&self, replica: &Arc<Member>) {
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        replicas.retain(|known| !Arc::ptr_eq(known, replica));
    }

    /// Starts a replica, registers it with the balancer, and waits until it gets requests.
    pub(super) async fn start_replica(&self, replica: &Member) -> anyhow::Result<()> {
        let address = replica.start().await?;
        self.admit(&replica.id, address).await
    }

    /// Registers a replica with the balancer, and waits until it gets requests.
    pub(super) async fn admit(&self, id: &str, at: SocketAddr) -> anyhow::Result<()> {
        let admin = self.balancer_admin()?;
        self.register(admin, id, at).await?;
        self.wait_until_up(admin, id).await
    }

    async fn register(
        &self,
        admin: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        self.admin.put(admin, id, address).await?;
        self.admin.undrain(admin, id).await
    }

    pub(super) async fn drain(&self, replica: &Member) -> anyhow::Result<()> {
        replica.ensure_running().await?;
        let (id, admin) = (&replica.id, self.balancer_admin()?);
        self.admin.drain(admin, id).await?;
        let drained = [BackendState::Draining, BackendState::Down];
        self.admin.wait_for(admin, id, &drained, BACKEND_STATE_TIMEOUT).await
    }

    pub(super) async fn undrain(&self, replica: &Member) -> anyhow::Result<()> {
        // The balancer may not have detected yet that the replica is down.
        replica.ensure_running().await?;
        let (id, admin) = (&replica.id, self.balancer_admin()?);
        self.admin.undrain(admin, id).await?;
        self.wait_until_up(admin, id).await
    }

    pub(super) async fn execute_on_balancer(
        &self,
        command: MemberAction,
    ) -> anyhow::Result<()> {
        match command {
            MemberAction::Kill => self.balancer.kill().await?,
            MemberAction::Stop => self.balancer.stop().await?,
            MemberAction::Pause => self.balancer.pause().await?,
            MemberAction::Resume => self.balancer.resume().await?,
            MemberAction::Drain | MemberAction::Undrain => {
                bail!("replicas are drained; the balancer is what drains them")
            }
            MemberAction::Restart => {
                let _may_be_down = self.balancer.stop().await;
                self.balancer.start().await?;
                self.register_all().await?;
            }
        }
        Ok(())
    }

    /// Registers all replicas with a restarted balancer.
    pub(super) async fn register_all(&self) -> anyhow::Result<()> {
        let admin = self.balancer_admin()?;
        for replica in self.replicas() {
            let view = replica.view();
            let Some(address) = view.address else {
                continue;
            };
            self.register(admin, &replica.id, address).await?;
            if view.state == ProcessState::Up {
                self.wait_until_up(admin, &replica.id).await?;
            }
        }
        Ok(())
    }

    async fn wait_until_up(&self, admin: SocketAddr, id: &str) -> anyhow::Result<()> {
        self.admin.wait_for(admin, id, &[BackendState::Up], BACKEND_STATE_TIMEOUT).await
    }

    pub(super) fn balancer_admin(&self) -> anyhow::Result<SocketAddr> {
        self.balancer.view().admin.context("the balancer is down: cargo lab restart lb")
    }
}
