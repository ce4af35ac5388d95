//! What to start.

use api_contract::secret::Secret;
use load_balancer::config::Policy;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where identity lives: the one thing in which the servers differ.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Sessions in each replica's memory.
    Stateful,
    /// A signed token with every request.
    Stateless,
}

impl Design {
    /// The role that serves it.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Stateful => "stateful",
            Self::Stateless => "stateless",
        }
    }
}

/// The program that plays the roles, and the arguments that come before a role's name.
#[derive(Clone, Debug)]
pub struct Program {
    /// An executable that ends up in [`crate::role::run`].
    pub path: PathBuf,
    /// Such as `serve`.
    pub prefix: Vec<OsString>,
}

/// Who may log in.
#[derive(Clone, Debug)]
pub enum Users {
    /// Demo accounts with random passwords.
    Fresh,
    /// Demo accounts that all have this password.
    WithPassword(Secret),
    /// Whoever this file names.
    File(PathBuf),
}

/// From where the balancer may be reached. Replicas never leave loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From loopback addresses only.
    ThisMachine,
    /// From wherever the address says, although passwords travel unencrypted.
    OtherMachines,
}

/// A balancer and the replicas behind it.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Who plays the roles.
    pub program: Program,
    /// Where identity lives.
    pub design: Design,
    /// How many replicas at the start.
    pub replicas: usize,
    /// How the balancer picks one.
    pub policy: Policy,
    /// Where the balancer listens; port 0 for any.
    pub listen: SocketAddr,
    /// From where it may be reached.
    pub reach: Reach,
    /// Who may log in.
    pub users: Users,
    /// Folder for uploads that outlives the cluster; [`None`] for a temporary one.
    pub data_dir: Option<PathBuf>,
    /// Whether a replica that dies is started again by itself.
    pub supervise: bool,
    /// More flags for every replica.
    pub replica_args: Vec<OsString>,
}
