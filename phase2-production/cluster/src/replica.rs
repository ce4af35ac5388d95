//! One process that may end and be started again: a replica, or the balancer.

use crate::process::{Process, Spec, ended};
use crate::status::ProcessState;
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
    /// Held while starting or stopping, so that two orders do not mix.
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

    pub(crate) fn is_wanted(&self) -> bool {
        self.view.borrow().wanted
    }

    pub(crate) fn set_state(&self, state: ProcessState) {
        self.view.send_modify(|view| view.state = state);
    }

    /// Changes how the next start is done.
    pub(crate) fn respecify(&self, change: impl FnOnce(&mut Spec)) {
        change(&mut self.spec.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Starts the process unless it runs, and waits until it is ready.
    pub(crate) async fn start(&self) -> anyhow::Result<SocketAddr> {
        let mut slot = self.process.lock().await;
        if let Some(running) = slot.as_ref().filter(|process| !process.has_ended()) {
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
            view.wanted = true;
        });
        Ok(ready.address)
    }

    /// SIGKILL: the process does not get to say anything. Returns when it is gone.
    pub(crate) async fn kill(&self) {
        let slot = self.process.lock().await;
        if let Some(process) = slot.as_ref() {
            process.signal(Signal::SIGKILL);
            ended(process.end()).await;
            self.note_end();
        }
    }

    /// SIGTERM: the process finishes what it has. Returns when it is gone.
    pub(crate) async fn stop(&self) {
        self.view.send_modify(|view| view.wanted = false);
        let slot = self.process.lock().await;
        if let Some(process) = slot.as_ref() {
            process.stop(STOP_LIMIT).await;
            self.note_end();
        }
    }

    /// SIGSTOP: alive, holding its connections, and answering nobody.
    pub(crate) async fn pause(&self) {
        self.signal(Signal::SIGSTOP, ProcessState::Paused).await;
    }

    /// SIGCONT: as if nothing had happened.
    pub(crate) async fn resume(&self) {
        self.signal(Signal::SIGCONT, ProcessState::Up).await;
    }

    async fn signal(&self, signal: Signal, leads_to: ProcessState) {
        let slot = self.process.lock().await;
        if let Some(process) = slot.as_ref().filter(|process| !process.has_ended()) {
            process.signal(signal);
            self.set_state(leads_to);
        }
    }

    /// Waits until a process runs.
    pub(crate) async fn running(&self) {
        let mut view = self.view.subscribe();
        let up = |view: &View| view.state == ProcessState::Up;
        if view.wait_for(up).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until the process that runs now has ended, by whoever's doing.
    pub(crate) async fn ended(&self) {
        let end = self.process.lock().await.as_ref().map(Process::end);
        if let Some(end) = end {
            ended(end).await;
        }
        // An order may have ended it and started the next one meanwhile.
        let slot = self.process.lock().await;
        if slot.as_ref().is_none_or(Process::has_ended) {
            self.note_end();
        }
    }

    fn note_end(&self) {
        self.view.send_modify(|view| {
            view.state = ProcessState::Down;
            view.pid = None;
            view.address = None;
            view.admin = None;
        });
    }
}
