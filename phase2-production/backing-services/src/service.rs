//! A service that can be used, and what can be done to it.

use crate::choice::Choice;
use crate::container::Container;
use crate::family::Family;
use crate::kind::{Kind, State, What};
use anyhow::bail;
use std::fmt;
use std::path::PathBuf;
use tokio::sync::Mutex;

/// A service that answers. Dropped, it is stopped, and its data is removed, unless it is
/// somebody else's server or a file.
pub struct Service {
    /// How to reach it: with the password, so it is not for logs.
    pub url: String,
    /// What it is.
    pub kind: Kind,
    /// What was taken and why what comes earlier was not, for people.
    pub why: String,
    what: What,
    engine: Engine,
    /// Held while something is done to it, so that two orders do not mix.
    turn: Mutex<()>,
}

/// What runs.
#[derive(Debug)]
pub(crate) enum Engine {
    /// Nothing of ours.
    Nothing,
    Family(Family),
    Container(Container),
}

impl Service {
    pub(crate) fn new(what: What, choice: Choice, url: String, engine: Engine) -> Self {
        let Choice { kind, why, .. } = choice;
        Self { url, kind, why, what, engine, turn: Mutex::default() }
    }

    /// What it is for.
    #[must_use]
    pub const fn what(&self) -> What {
        self.what
    }

    /// What is known of its processes.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.engine {
            Engine::Nothing => State::External,
            Engine::Family(family) => family.state(),
            Engine::Container(container) => container.state(),
        }
    }

    /// What its processes have written down; a container's is with the engine.
    #[must_use]
    pub fn log(&self) -> Option<PathBuf> {
        match &self.engine {
            Engine::Family(family) => family.log(),
            Engine::Nothing | Engine::Container(_) => None,
        }
    }

    /// SIGKILL: a crash. Nothing is finished, nothing is said. Its data stays, as far as
    /// it was written (the embedded Redis writes none).
    ///
    /// # Errors
    /// When it is down already, or nothing of ours runs.
    pub async fn kill9(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        match &self.engine {
            Engine::Nothing => self.nothing(),
            Engine::Family(family) => family.kill9().await,
            Engine::Container(container) => container.kill9().await,
        }
    }

    /// SIGSTOP for all its processes: connections stay open, nobody answers.
    ///
    /// # Errors
    /// When it is down, or nothing of ours runs.
    pub async fn pause(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        match &self.engine {
            Engine::Nothing => self.nothing(),
            Engine::Family(family) => family.pause(),
            Engine::Container(container) => container.pause().await,
        }
    }

    /// The end of a pause.
    ///
    /// # Errors
    /// When it is down, or nothing of ours runs.
    pub async fn resume(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        match &self.engine {
            Engine::Nothing => self.nothing(),
            Engine::Family(family) => family.resume(),
            Engine::Container(container) => container.resume().await,
        }
    }

    /// An orderly stop. [`Service::restart`] brings it back.
    ///
    /// # Errors
    /// When it is down already, or nothing of ours runs.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        match &self.engine {
            Engine::Nothing => self.nothing(),
            Engine::Family(family) => family.stop().await,
            Engine::Container(container) => container.stop().await,
        }
    }

    /// An orderly stop, if it runs, and a new start with the same data, password and
    /// address. Returns when it answers.
    ///
    /// # Errors
    /// When it does not start, or nothing of ours runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        match &self.engine {
            Engine::Nothing => self.nothing(),
            Engine::Family(family) => family.restart().await,
            Engine::Container(container) => container.restart().await,
        }
    }

    fn nothing(&self) -> anyhow::Result<()> {
        let what = self.what.as_str();
        match self.kind {
            Kind::Url => {
                bail!("the {what} is not the lab's: {} names it", self.what.variable())
            }
            _ => bail!("the {what} is a file: there is no process to do that to"),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("what", &self.what)
            .field("kind", &self.kind)
            .field("why", &self.why)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
