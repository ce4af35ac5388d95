//! A member of a cluster: a replica or the balancer, as a process that can be restarted.

use crate::commands::hint;
use crate::ready_process::{ReadyProcess, Spec};
use crate::status::ProcessState;
use anyhow::Context;
use nix::sys::signal::Signal;
use process::{Process, ended};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The longest time for an orderly stop. After it the process is killed.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// The state of a member, which can be read without waiting.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) state: ProcessState,
    pub(crate) pid: Option<i32>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) restarts: u32,
    /// Whether the balancer must send it no new clients.
    pub(crate) drained: bool,
    /// When the last process ended; [`None`] while one runs, and before the first.
    pub(crate) ended_at: Option<Instant>,
    /// Whether it should run. A supervisor does not restart a member that was stopped.
    should_run: bool,
}

/// A named process, and how to start it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// The name of the cluster.
    cluster: String,
    spec: Mutex<Spec>,
    view: watch::Sender<View>,
    /// Locked while starting or stopping, so that two commands do not interleave. Only the
    /// holder of the lock changes `View::should_run`: the last command wins.
    process: tokio::sync::Mutex<Option<ReadyProcess>>,
}

impl Member {
    pub(crate) fn new(id: String, cluster: &str, spec: Spec) -> Self {
        let view = View {
            state: ProcessState::Down,
            pid: None,
            address: None,
            admin: None,
            restarts: 0,
            drained: false,
            ended_at: None,
            should_run: true,
        };
        Self {
            id,
            cluster: cluster.to_owned(),
            spec: Mutex::new(spec),
            view: watch::Sender::new(view),
            process: tokio::sync::Mutex::new(None),
        }
    }

    pub(crate) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    fn set_state(&self, state: ProcessState) {
        self.view.send_modify(|view| view.state = state);
    }

    /// Sets whether the balancer must send it no new clients.
    pub(crate) fn set_drained(&self, drained: bool) {
        self.view.send_modify(|view| view.drained = drained);
    }

    /// Changes the command line of the next start.
    pub(crate) fn change_spec(&self, change: impl FnOnce(&mut Spec)) {
        change(&mut self.spec.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Starts the process if it is not running, and waits until it is ready.
    pub(crate) async fn start(&self) -> anyhow::Result<SocketAddr> {
        let mut slot = self.process.lock().await;
        self.view.send_modify(|view| view.should_run = true);
        self.start_into(&mut slot).await
    }

    /// The same for a supervisor, which must not undo an orderly stop. Returns [`None`] if the
    /// member was stopped in the meantime.
    pub(crate) async fn start_if_wanted(&self) -> anyhow::Result<Option<SocketAddr>> {
        let mut slot = self.process.lock().await;
        if !self.view.borrow().should_run {
            return Ok(None);
        }
        self.start_into(&mut slot).await.map(Some)
    }

    /// Starts a new process; then the old one, if it runs, finishes its open requests. Returns
    /// the old one, which has got SIGTERM.
    ///
    /// # Errors
    /// When the new one cannot start. The old one runs on.
    pub(crate) async fn replace(&self) -> anyhow::Result<Option<Process>> {
        let mut slot = self.process.lock().await;
        self.view.send_modify(|view| view.should_run = true);
        if running(&slot).is_none() {
            return self.start_into(&mut slot).await.map(|_address| None);
        }
        // Before the old one ends: it stays if the new one cannot start, for example with a
        // wrong certificate.
        let process = self.new_process().await?;
        let old = self.take_over(&mut slot, process);
        if let Some(old) = &old {
            old.signal(Signal::SIGCONT);
            old.signal(Signal::SIGTERM);
        }
        Ok(old)
    }

    async fn start_into(
        &self,
        slot: &mut Option<ReadyProcess>,
    ) -> anyhow::Result<SocketAddr> {
        if let Some(running) = running(slot) {
            return Ok(running.ready.address);
        }
        self.set_state(ProcessState::Starting);
        let process = self.new_process().await.inspect_err(|_reason| {
            self.set_state(ProcessState::Down);
        })?;
        let address = process.ready.address;
        self.take_over(slot, process);
        Ok(address)
    }

    async fn new_process(&self) -> anyhow::Result<ReadyProcess> {
        let spec = self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let started = ReadyProcess::start(&spec).await;
        started.with_context(|| format!("{} cannot be started", self.id))
    }

    /// Makes a ready process that of this member. Returns the one before it.
    fn take_over(
        &self,
        slot: &mut Option<ReadyProcess>,
        next: ReadyProcess,
    ) -> Option<Process> {
        let (pid, ready) = (next.process.pid(), next.ready.clone());
        let before = slot.replace(next).map(|before| before.process);
        self.view.send_modify(|view| {
            view.state = ProcessState::Up;
            view.pid = Some(pid);
            view.address = Some(ready.address);
            view.admin = ready.admin;
            view.ended_at = None;
            view.restarts += u32::from(before.is_some());
        });
        before
    }

    /// SIGKILL: the process ends at once. Returns when it has ended.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        let process = self.running(&slot)?;
        process.signal(Signal::SIGKILL);
        ended(process.exit_status()).await;
        self.record_end(ProcessState::Down);
        Ok(())
    }

    /// SIGTERM: the process finishes its open requests. Returns when it has ended; only a
    /// command starts it again.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        self.view.send_modify(|view| view.should_run = false);
        let was_waiting = self.view().state == ProcessState::Waiting;
        let process = self.running(&slot);
        if let Ok(process) = process {
            process.stop(STOP_TIMEOUT).await;
        }
        self.record_end(ProcessState::Down);
        if was_waiting { Ok(()) } else { process.map(drop) }
    }

    /// SIGSTOP: the process keeps its connections and answers no request.
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP, ProcessState::Paused).await
    }

    /// SIGCONT: the process continues.
    pub(crate) async fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT, ProcessState::Up).await
    }

    /// Returns an error if the process is not running.
    pub(crate) async fn ensure_running(&self) -> anyhow::Result<()> {
        self.running(&*self.process.lock().await).map(drop)
    }

    async fn signal(
        &self,
        signal: Signal,
        new_state: ProcessState,
    ) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        self.running(&slot)?.signal(signal);
        self.set_state(new_state);
        Ok(())
    }

    fn running<'a>(&self, slot: &'a Option<ReadyProcess>) -> anyhow::Result<&'a Process> {
        let id = &self.id;
        let running = running(slot).with_context(|| {
            format!("{id} is down: {}", hint(&format!("restart {id}"), &self.cluster))
        });
        running.map(|running| &running.process)
    }

    /// Waits until a process runs or, with a supervisor, should run.
    pub(crate) async fn wait_until_due(&self, supervised: bool) {
        let mut view = self.view.subscribe();
        let due = |view: &View| view.pid.is_some() || (supervised && view.should_run);
        if view.wait_for(due).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until the current process, if there is one, has ended for any reason or was
    /// replaced. Returns whether a supervisor must start the next one.
    pub(crate) async fn ended(&self, supervised: bool) -> bool {
        let process = self.process.lock().await;
        let current = process.as_ref().map(|one| &one.process);
        let current = current.map(|one| (one.pid(), one.exit_status()));
        drop(process);
        if let Some((pid, status)) = current {
            tokio::select! {
                _status = ended(status) => {}
                // The old process may drain for long, and the new one may die before it ends.
                () = self.replaced(pid) => {}
            }
        }
        let slot = self.process.lock().await;
        if running(&slot).is_some() {
            // A command has started the next process in the meantime.
            return false;
        }
        let restart = supervised && self.view.borrow().should_run;
        self.record_end(if restart { ProcessState::Waiting } else { ProcessState::Down });
        restart
    }

    /// Waits until the process with this id is not the member's any more.
    async fn replaced(&self, pid: i32) {
        let mut view = self.view.subscribe();
        let is_other = |view: &View| view.pid != Some(pid);
        let _sender_is_here = view.wait_for(is_other).await;
    }

    /// The caller must hold the lock of `process`.
    fn record_end(&self, new_state: ProcessState) {
        self.view.send_modify(|view| {
            view.state = new_state;
            view.ended_at = Some(Instant::now());
            view.pid = None;
            view.address = None;
            view.admin = None;
        });
    }
}

fn running(slot: &Option<ReadyProcess>) -> Option<&ReadyProcess> {
    slot.as_ref().filter(|running| !running.process.has_ended())
}
