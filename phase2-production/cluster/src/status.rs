//! What `lab status` shows: types that travel over the control port.

use crate::topology::Design;
use backing_services::{Kind, State};
use load_balancer::config::Policy;
use load_balancer::status::BackendStatus;
use outcome::Document;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A cluster at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// Where identity lives.
    pub design: Design,
    /// How the balancer picks a replica.
    pub policy: Policy,
    /// Where clients knock.
    pub url: String,
    /// File with the certificate that clients have to be told to trust, if there is one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The launcher's process id.
    pub launcher_pid: u32,
    /// Logs and temporary data.
    pub run_dir: PathBuf,
    /// Who may log in.
    pub users_file: PathBuf,
    /// Balancer first, then replicas.
    pub members: Vec<MemberStatus>,
    /// What the replicas share.
    #[serde(default)]
    pub services: Vec<ServiceStatus>,
}

impl ClusterStatus {
    /// The status as the JSON document of `lab status` and of the control API.
    #[must_use]
    pub const fn document(self) -> Document<Self> {
        Document::new("lab-status", 1, self)
    }

    /// The member of that name.
    #[must_use]
    pub fn member(&self, id: &str) -> Option<&MemberStatus> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The service of that name.
    #[must_use]
    pub fn service(&self, id: &str) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.id == id)
    }
}

/// A service that the replicas share. Never with its address: that holds a password.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// `redis`, `database` or `s3`.
    pub id: String,
    /// From where it was taken; [`None`] when there is none, because it can be done without.
    pub kind: Option<Kind>,
    /// What was taken, and why.
    pub why: String,
    /// What is known of its processes.
    pub state: State,
    /// Its log, if it is a process of ours.
    pub log: Option<PathBuf>,
}

/// One process.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// `lb` or `r1`, `r2`, ...
    pub id: String,
    /// What the launcher knows of the process.
    pub state: ProcessState,
    /// Its id while it runs.
    pub pid: Option<i32>,
    /// Where it listens while it runs.
    pub address: Option<SocketAddr>,
    /// Where it takes orders (the balancer) or shows its metrics while it runs.
    pub admin: Option<SocketAddr>,
    /// Its log.
    pub log: PathBuf,
    /// How often it was started again.
    pub restarts: u32,
    /// What the balancer thinks of it; absent for the balancer itself, and when the
    /// balancer does not answer.
    pub balancer: Option<BackendStatus>,
}

/// What the launcher knows of a process.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// Not yet ready.
    Starting,
    /// Running.
    Up,
    /// Stopped by SIGSTOP: alive, and answering nobody.
    Paused,
    /// Ended, and nobody starts it.
    Down,
    /// Ended, and about to be started again.
    Waiting,
}

impl ProcessState {
    /// The state as one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Paused => "paused",
            Self::Down => "down",
            Self::Waiting => "waiting",
        }
    }
}
