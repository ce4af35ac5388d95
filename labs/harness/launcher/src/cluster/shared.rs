//! The state that the cluster, its supervisors and the control API share, and the operations
//! that involve a replica and the balancer.

use super::BALANCER;
use super::endpoint::PublicEndpoint;
use super::plan::{self, Gossip};
use super::reconciler::{BalancerDown, Reconciler};
use super::services::Services;
use super::sqlite_locks;
use crate::commands::{MemberAction, hint};
use crate::member::{Member, STOP_TIMEOUT};
use crate::status::ProcessState;
use crate::topology::{ServerKind, Topology};
use anyhow::{Context, anyhow, bail};
use api_contract::design::Design;
use load_balancer::status::{BackendState, BackendStatus, Status};
use process::RunDir;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The longest time until the balancer reports a replica in the expected state.
const BACKEND_STATE_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest time that a restart waits for the drain of the replica. A balancer that hangs
/// sends it nothing anyway.
const RESTART_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The time that a restarted balancer gets to see every replica up. Then it is enough that it
/// has checked each: a replica that hangs must not delay the command.
const ALL_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a replica is stopped and continued until it holds no lock that others need.
const MAX_PAUSE_ATTEMPTS: usize = 200;

/// Time for a signal to reach every thread of a process, and between two attempts.
const SIGNAL_TIME: Duration = Duration::from_millis(3);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) topology: Topology,
    pub(super) reconciler: Reconciler,
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
        let replica = Arc::new(Member::new(id, &topology.name, spec));
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

    /// Waits until the balancer sends requests to the replica at this address.
    pub(super) async fn wait_until_up(
        &self,
        command: &str,
        replica: &Member,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        let id = &replica.id;
        let up = |status: &Status| {
            let seen = status.backend(id).filter(|seen| seen.address == address);
            expect(id, seen, &[BackendState::Up])
        };
        self.wait_for(&format!("{command} {id}"), BACKEND_STATE_TIMEOUT, up).await
    }

    /// Waits until the balancer's status shows the effect of a command.
    async fn wait_for(
        &self,
        command: &str,
        limit: Duration,
        reached: impl Fn(&Status) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let waited = self.reconciler.wait_for(command, limit, reached).await;
        waited.map_err(|error| match error.is::<BalancerDown>() {
            true => {
                anyhow!("{BalancerDown}: {}", hint("restart lb", &self.topology.name))
            }
            false => error,
        })
    }

    /// The drain stands even if the balancer does not answer now, until a command ends it.
    pub(super) async fn drain(&self, replica: &Member) -> anyhow::Result<()> {
        replica.ensure_running().await?;
        self.drain_within(replica, BACKEND_STATE_TIMEOUT).await.with_context(|| {
            format!("{} is drained as soon as the balancer answers", replica.id)
        })
    }

    async fn drain_within(
        &self,
        replica: &Member,
        limit: Duration,
    ) -> anyhow::Result<()> {
        replica.set_drained(true);
        let id = &replica.id;
        // The state does not tell: a replica that is not ready is listed as draining, too.
        let is_drained = |status: &Status| match status.backend(id) {
            Some(seen) if seen.drained => Ok(()),
            Some(_) => Err(format!("the balancer reports {id} as not drained")),
            None => Err(format!("the balancer reports {id} as unknown")),
        };
        self.wait_for(&format!("drain {id}"), limit, is_drained).await
    }

    pub(super) async fn undrain(&self, replica: &Member) -> anyhow::Result<()> {
        replica.ensure_running().await?;
        replica.set_drained(false);
        let address = replica.view().address.context("it has ended")?;
        self.wait_until_up("undrain", replica, address).await
    }

    /// Stops a replica with SIGSTOP, but not inside a write transaction of SQLite: it would
    /// block the writes of all other replicas until it continues.
    pub(super) async fn pause(&self, replica: &Member) -> anyhow::Result<()> {
        replica.ensure_running().await?;
        let shared_memory = self.services.sqlite_shared_memory();
        for _ in 0..MAX_PAUSE_ATTEMPTS {
            replica.pause().await?;
            tokio::time::sleep(SIGNAL_TIME).await;
            let view = replica.view();
            let blocks_others = match (&shared_memory, view.pid) {
                (Some(file), Some(pid)) => sqlite_locks::holds_write_lock(pid, file),
                _ => false,
            };
            if !blocks_others {
                return Ok(());
            }
            replica.resume().await?;
            tokio::time::sleep(SIGNAL_TIME).await;
        }
        bail!("{} was always writing: pause it again", replica.id)
    }

    /// An orderly stop, after the balancer sends no new clients, and a new start.
    pub(super) async fn restart_replica(&self, replica: &Member) -> anyhow::Result<()> {
        if replica.ensure_running().await.is_ok() {
            let _balancer_hangs_or_is_down =
                self.drain_within(replica, RESTART_DRAIN_TIMEOUT).await;
        }
        let _may_be_down = replica.stop().await;
        replica.set_drained(false);
        let address = replica.start().await?;
        self.wait_until_up("restart", replica, address).await.with_context(|| {
            format!("{} runs, and gets requests when the balancer sees it", replica.id)
        })
    }

    /// Gives the next balancer the replicas that run. Its clients wait in the backlog of the
    /// public port, and it must not answer them that there is no replica. A drained one
    /// follows by an order, because a new backend is not drained; so does a paused one, which
    /// would delay the start.
    pub(super) fn prepare_balancer(&self) {
        let replicas = self.replicas().into_iter().filter_map(|replica| {
            let view = replica.view();
            let is_serving = view.state == ProcessState::Up && !view.drained;
            let address = view.address.filter(|_| is_serving)?;
            Some((replica.id.clone(), address))
        });
        let replicas: Vec<_> = replicas.collect();
        self.balancer.change_spec(|spec| spec.more_args = plan::backends(&replicas));
    }

    pub(super) async fn execute_on_balancer(
        &self,
        command: MemberAction,
    ) -> anyhow::Result<()> {
        match command {
            MemberAction::Kill => self.balancer.kill().await,
            MemberAction::Stop => self.balancer.stop().await,
            MemberAction::Pause => self.balancer.pause().await,
            MemberAction::Resume => self.balancer.resume().await,
            MemberAction::Drain | MemberAction::Undrain => {
                bail!("replicas are drained; the balancer is what drains them")
            }
            MemberAction::Restart => {
                self.prepare_balancer();
                let old = self.balancer.replace().await?;
                let all_known = self.wait_until_all_known().await;
                // It accepts nothing any more, and finishes its open requests.
                if let Some(old) = old {
                    old.finish(STOP_TIMEOUT).await;
                }
                all_known
            }
        }
    }

    /// Waits until a new balancer sends requests to every replica. After some time it is
    /// enough that it has checked each, because a replica may hang.
    async fn wait_until_all_known(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let all_known = |status: &Status| {
            let decided = [BackendState::Up, BackendState::Draining, BackendState::Down];
            let late = began.elapsed() > ALL_UP_TIMEOUT;
            let states = if late { &decided[..] } else { &decided[..2] };
            let running = self.replicas().into_iter().filter_map(|replica| {
                let view = replica.view();
                let address = view.address.filter(|_| view.state == ProcessState::Up)?;
                Some((replica, address))
            });
            running.into_iter().try_for_each(|(replica, address)| {
                let seen = status.backend(&replica.id);
                let seen = seen.filter(|seen| seen.address == address);
                expect(&replica.id, seen, states)
            })
        };
        self.wait_for("restart lb", BACKEND_STATE_TIMEOUT, all_known).await
    }
}

/// Whether the balancer reports a replica in one of `states`, or what it reports instead.
fn expect(
    id: &str,
    seen: Option<&BackendStatus>,
    states: &[BackendState],
) -> Result<(), String> {
    let state = seen.map(|seen| seen.state);
    if state.is_some_and(|state| states.contains(&state)) {
        return Ok(());
    }
    let text = |state: &BackendState| format!("{state:?}").to_lowercase();
    let wanted: Vec<_> = states.iter().map(text).collect();
    let reported = state.as_ref().map_or_else(|| "unknown".to_owned(), text);
    Err(format!(
        "the balancer reports {id} as {reported}, not as {}",
        wanted.join(" or ")
    ))
}
