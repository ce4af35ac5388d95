//! One process that may end and be started again: a replica, or the balancer.

use crate::process::{Process, Spec, ended};
use crate::status::ProcessState;
use anyhow::Context;
use nix::sys::signal::Signal;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long an orderly stop may take before it becomes a kill.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// What is known at any moment, without waiting for anything.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) state: ProcessState,
    pub(crate) pid: Option<i32>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) restarts: u32,
    /// Whether it should run: an orderly stop is not to be undone by a supervisor.
    wanted: bool,
}

/// A named process and how to start it.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: String,
    spec: Mutex<Spec>,
    view: watch::Sender<View>,
    /// Held while starting or stopping, so that two orders do not mix. `View::wanted` is
    /// changed only by its holder: the order that comes last is the one that counts.
    process: tokio::sync::Mutex<Option<Process>>,
}

impl Replica {
    pub(crate) fn new(id: String, spec: Spec) -> Self {
        let view = View {
            state: ProcessState::Down,
            pid: None,
            address: None,
            admin: None,
            restarts: 0,
            wanted: true,
        };
        Self {
            id,
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

    /// Changes how the next start is done.
    pub(crate) fn respecify(&self, change: impl FnOnce(&mut Spec)) {
        change(&mut self.spec.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Starts the process unless it runs, and waits until it is ready.
    pub(crate) async fn start(&self) -> anyhow::Result<SocketAddr> {
        let mut slot = self.process.lock().await;
        self.view.send_modify(|view| view.wanted = true);
        self.start_into(&mut slot).await
    }

    /// The same for a supervisor, who must not undo an orderly stop that was ordered
    /// meanwhile: [`None`] if one was.
    pub(crate) async fn start_if_wanted(&self) -> anyhow::Result<Option<SocketAddr>> {
        let mut slot = self.process.lock().await;
        if !self.view.borrow().wanted {
            return Ok(None);
        }
        self.start_into(&mut slot).await.map(Some)
    }

    async fn start_into(&self, slot: &mut Option<Process>) -> anyhow::Result<SocketAddr> {
        if let Some(running) = living(slot) {
            return Ok(running.ready().address);
        }
        self.set_state(ProcessState::Starting);
        let spec = self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let process = Process::start(&spec).await.map_err(|error| {
            self.set_state(ProcessState::Down);
            error.context(format!("{} cannot be started", self.id))
        })?;
        let (pid, ready) = (process.pid(), process.ready().clone());
        let again = slot.replace(process).is_some();
        self.view.send_modify(|view| {
            view.state = ProcessState::Up;
            view.pid = Some(pid);
            view.address = Some(ready.address);
            view.admin = ready.admin;
            view.restarts += u32::from(again);
        });
        Ok(ready.address)
    }

    /// SIGKILL: the process does not get to say anything. Returns when it is gone.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        let process = self.living(&slot)?;
        process.signal(Signal::SIGKILL);
        ended(process.end()).await;
        self.note_end(ProcessState::Down);
        Ok(())
    }

    /// SIGTERM: the process finishes what it has. Returns when it is gone, and nobody
    /// but an order starts it again.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        self.view.send_modify(|view| view.wanted = false);
        let was_about_to_start = self.view().state == ProcessState::Waiting;
        let process = self.living(&slot);
        if let Ok(process) = process {
            process.stop(STOP_LIMIT).await;
        }
        self.note_end(ProcessState::Down);
        if was_about_to_start { Ok(()) } else { process.map(drop) }
    }

    /// SIGSTOP: alive, holding its connections, and answering nobody.
    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP, ProcessState::Paused).await
    }

    /// SIGCONT: as if nothing had happened.
    pub(crate) async fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT, ProcessState::Up).await
    }

    /// Refuses what can only be done to a process that lives.
    pub(crate) async fn must_live(&self) -> anyhow::Result<()> {
        self.living(&*self.process.lock().await).map(drop)
    }

    async fn signal(&self, signal: Signal, leads_to: ProcessState) -> anyhow::Result<()> {
        let slot = self.process.lock().await;
        self.living(&slot)?.signal(signal);
        self.set_state(leads_to);
        Ok(())
    }

    fn living<'a>(&self, slot: &'a Option<Process>) -> anyhow::Result<&'a Process> {
        let id = &self.id;
        living(slot).with_context(|| format!("{id} is down: cargo lab restart {id}"))
    }

    /// Waits until there is something to watch: a process, or with a supervisor the wish
    /// for one.
    pub(crate) async fn to_watch(&self, supervised: bool) {
        let mut view = self.view.subscribe();
        let given = |view: &View| view.pid.is_some() || (supervised && view.wanted);
        if view.wait_for(given).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until the process that runs now, if one does, has ended, by whoever's doing.
    /// Returns whether a supervisor is to start the next one.
    pub(crate) async fn ended(&self, supervised: bool) -> bool {
        let end = self.process.lock().await.as_ref().map(Process::end);
        if let Some(end) = end {
            ended(end).await;
        }
        let slot = self.process.lock().await;
        if living(&slot).is_some() {
            // An order has ended it and started the next one meanwhile.
            return false;
        }
        let missed = supervised && self.view.borrow().wanted;
        self.note_end(if missed { ProcessState::Waiting } else { ProcessState::Down });
        missed
    }

    /// To be called by the holder of `process`.
    fn note_end(&self, leads_to: ProcessState) {
        self.view.send_modify(|view| {
            view.state = leads_to;
            view.pid = None;
            view.address = None;
            view.admin = None;
        });
    }
}

fn living(slot: &Option<Process>) -> Option<&Process> {
    slot.as_ref().filter(|process| !process.has_ended())
}
