//! What the cluster, its watchers and the control port all hold, and the steps that take
//! a replica and the balancer together.

use super::BALANCER;
use super::front::Front;
use super::plan::{self, Gossip};
use super::services::Services;
use crate::balancer::BalancerAdmin;
use crate::orders::Order;
use crate::replica::Replica;
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

/// How long a started replica may take to be seen as well by the balancer.
const ADMIT_LIMIT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) topology: Topology,
    pub(super) admin: BalancerAdmin,
    pub(super) balancer: Arc<Replica>,
    pub(super) front: Front,
    pub(super) replicas: RwLock<Vec<Arc<Replica>>>,
    /// How many names were given. A name is given once, even if nobody bears it now: a
    /// log and a cookie may still have it.
    pub(super) named: AtomicUsize,
    pub(super) users_file: PathBuf,
    /// Where the replicas gossip, if they do, in the order of their names.
    pub(super) gossip: Mutex<Vec<SocketAddr>>,
    pub(super) services: Services,
    /// Last, so that the processes are gone before their folder is.
    pub(super) run_dir: RunDir,
}

impl Shared {
    pub(super) fn replicas(&self) -> Vec<Arc<Replica>> {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn find(&self, id: &str) -> anyhow::Result<Arc<Replica>> {
        let replicas = self.replicas();
        let names: Vec<_> = replicas.iter().map(|replica| replica.id.as_str()).collect();
        let found = replicas.iter().find(|replica| replica.id == id).cloned();
        found.with_context(|| {
            let services = self.services.names();
            let all = [&[BALANCER], &names[..], &services].concat();
            format!("there is no {id} here; there are {}", all.join(", "))
        })
    }

    pub(super) fn new_replica(&self) -> anyhow::Result<Arc<Replica>> {
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        let id = format!("r{}", number + 1);
        let gossip = match self.topology.server {
            ServerKind::Upload(Design::Replicated) => Some(self.gossip_of(number)?),
            _ => None,
        };
        let (topology, run_dir) = (&self.topology, &self.run_dir);
        let (users, front) = (&self.users_file, &self.front);
        let mut spec =
            plan::replica(topology, run_dir, users, &id, front, gossip.as_ref());
        spec.secrets = self.services.urls().to_vec();
        let replica = Arc::new(Replica::new(id, spec));
        replicas.push(Arc::clone(&replica));
        Ok(replica)
    }

    /// The address of a replica, and those of all others that are known by now. The first
    /// ones know each other from the start, whoever of them is up first.
    fn gossip_of(&self, number: usize) -> anyhow::Result<Gossip> {
        let mut known = self.gossip.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.topology.replicas.max(number + 1);
        // Bound all at once, so that no two of them get the same.
        let missing = (known.len()..wanted).map(|_| UdpSocket::bind("127.0.0.1:0"));
        let missing = missing.collect::<io::Result<Vec<_>>>();
        for socket in missing.context("cannot find a port for gossip")? {
            known.push(socket.local_addr().context("a port for gossip")?);
        }
        let others = known.iter().enumerate().filter(|(at, _)| *at != number);
        Ok(Gossip { own: known[number], others: others.map(|(_, at)| *at).collect() })
    }

    pub(super) fn forget(&self, replica: &Arc<Replica>) {
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        replicas.retain(|known| !Arc::ptr_eq(known, replica));
    }

    /// Starts a replica, tells the balancer where it is, and waits until it is let in.
    pub(super) async fn start_replica(&self, replica: &Replica) -> anyhow::Result<()> {
        let address = replica.start().await?;
        self.let_in(&replica.id, address).await
    }

    /// Tells the balancer where a replica is, and waits until it gets requests.
    pub(super) async fn let_in(&self, id: &str, at: SocketAddr) -> anyhow::Result<()> {
        let admin = self.balancer_admin()?;
        self.introduce(admin, id, at).await?;
        self.wait_until_admitted(admin, id).await
    }

    async fn introduce(
        &self,
        admin: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        self.admin.put(admin, id, address).await?;
        self.admin.undrain(admin, id).await
    }

    pub(super) async fn drain(&self, replica: &Replica) -> anyhow::Result<()> {
        replica.must_live().await?;
        let (id, admin) = (&replica.id, self.balancer_admin()?);
        self.admin.drain(admin, id).await?;
        let out = [BackendState::Draining, BackendState::Down];
        self.admin.wait_for(admin, id, &out, ADMIT_LIMIT).await
    }

    pub(super) async fn undrain(&self, replica: &Replica) -> anyhow::Result<()> {
        // The balancer may not have noticed yet.
        replica.must_live().await?;
        let (id, admin) = (&replica.id, self.balancer_admin()?);
        self.admin.undrain(admin, id).await?;
        self.wait_until_admitted(admin, id).await
    }

    pub(super) async fn order_balancer(&self, order: Order) -> anyhow::Result<()> {
        match order {
            Order::Kill => self.balancer.kill().await?,
            Order::Stop => self.balancer.stop().await?,
            Order::Pause => self.balancer.pause().await?,
            Order::Resume => self.balancer.resume().await?,
            Order::Drain | Order::Undrain => {
                bail!("replicas are drained; the balancer is what drains them")
            }
            Order::Restart => {
                let _may_be_down = self.balancer.stop().await;
                self.balancer.start().await?;
                self.introduce_all().await?;
            }
        }
        Ok(())
    }

    /// Tells a balancer that was started again who is there.
    pub(super) async fn introduce_all(&self) -> anyhow::Result<()> {
        let admin = self.balancer_admin()?;
        for replica in self.replicas() {
            let view = replica.view();
            let Some(address) = view.address else {
                continue;
            };
            self.introduce(admin, &replica.id, address).await?;
            if view.state == ProcessState::Up {
                self.wait_until_admitted(admin, &replica.id).await?;
            }
        }
        Ok(())
    }

    async fn wait_until_admitted(
        &self,
        admin: SocketAddr,
        id: &str,
    ) -> anyhow::Result<()> {
        self.admin.wait_for(admin, id, &[BackendState::Up], ADMIT_LIMIT).await
    }

    pub(super) fn balancer_admin(&self) -> anyhow::Result<SocketAddr> {
        self.balancer.view().admin.context("the balancer is down: cargo lab restart lb")
    }
}
