//! The status of a cluster, as `lab status` shows it: JSON types of the control API.

use crate::topology::ServerKind;
use backing_services::{Kind, State};
use load_balancer::config::Policy;
use load_balancer::status::BackendStatus;
use outcome::Document;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The status of a cluster at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// The server that the replicas run. Its JSON key is that of the flag `--design`.
    pub design: ServerKind,
    /// How the balancer selects a replica.
    pub policy: Policy,
    /// The base URL for clients.
    pub url: String,
    /// The file of the self-signed certificate that clients must trust, if there is one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The launcher's process id.
    pub launcher_pid: u32,
    /// Logs and temporary data.
    pub run_dir: PathBuf,
    /// The users file.
    pub users_file: PathBuf,
    /// Balancer first, then replicas.
    pub members: Vec<MemberStatus>,
    /// The services that the replicas share.
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

/// A service that the replicas share. Its URL is left out because it contains a password.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// `redis`, `database` or `s3`.
    pub id: String,
    /// The source of the service; [`None`] if an optional service is missing.
    pub kind: Option<Kind>,
    /// The chosen source, and the reason.
    pub why: String,
    /// The state of its processes.
    pub state: State,
    /// Its log, if the launcher started it.
    pub log: Option<PathBuf>,
}

/// One process.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct MemberStatus {
    /// `lb` or `r1`, `r2`, ...
    pub id: String,
    /// The state of the process.
    pub state: ProcessState,
    /// Its process id while it runs.
    pub pid: Option<i32>,
    /// The address of its listener while it runs.
    pub address: Option<SocketAddr>,
    /// The address of its admin listener (commands of the balancer, metrics) while it runs.
    pub admin: Option<SocketAddr>,
    /// Its log.
    pub log: PathBuf,
    /// The number of restarts.
    pub restarts: u32,
    /// The balancer's view of the replica; [`None`] for the balancer itself, and while the
    /// balancer does not answer.
    pub balancer: Option<BackendStatus>,
}

/// The state of a process, as the launcher sees it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// Started, but not yet ready.
    Starting,
    /// Running.
    Up,
    /// Stopped by SIGSTOP: it exists and answers no request.
    Paused,
    /// Ended, and not to be restarted automatically.
    Down,
    /// Ended, and restarted after a backoff.
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
