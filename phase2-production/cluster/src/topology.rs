//! What to start.

use api_contract::secret::Secret;
use backing_services::Backing;
use load_balancer::config::Policy;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where identity lives: the one thing in which the servers differ.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Phase 1: sessions in each replica's memory
    Stateful,
    /// Phase 1: a signed token with every request
    Stateless,
    /// Phase 2: sessions in each replica's memory, whoever answers
    Memory,
    /// Phase 2: the same, and the balancer brings each client back to its replica
    Sticky,
    /// Phase 2: sessions in every replica's memory, because they tell each other
    Replicated,
    /// Phase 2: sessions in Redis, before the database
    Central,
    /// Phase 2: a signed token with every request, that can be taken back
    Token,
}

impl Design {
    /// The design as one word, as in `--design central`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stateful => "stateful",
            Self::Stateless => "stateless",
            Self::Memory => "memory",
            Self::Sticky => "sticky",
            Self::Replicated => "replicated",
            Self::Central => "central",
            Self::Token => "token",
        }
    }

    /// The role that serves it: a server of Phase 1, or the upload server of Phase 2.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Stateful | Self::Stateless => self.as_str(),
            _ => "upload",
        }
    }

    /// Whether it keeps records in a database: all of Phase 2 does.
    #[must_use]
    pub const fn has_records(self) -> bool {
        !matches!(self, Self::Stateful | Self::Stateless)
    }

    /// Whether it cannot do without Redis. The others count limits in it, if there is one.
    #[must_use]
    pub const fn needs_redis(self) -> bool {
        matches!(self, Self::Central | Self::Token)
    }

    /// Whether a login begins a session; otherwise it is answered with a token.
    #[must_use]
    pub const fn has_sessions(self) -> bool {
        !matches!(self, Self::Stateless | Self::Token)
    }

    /// How the balancer picks a replica unless told otherwise.
    #[must_use]
    pub const fn usual_policy(self) -> Policy {
        match self {
            Self::Sticky => Policy::Sticky,
            _ => Policy::RoundRobin,
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

/// Where the bytes of uploads are kept. The servers of Phase 1 know the folder only.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Files {
    /// In a folder that the replicas share
    #[default]
    Folder,
    /// In a store that speaks S3's language
    S3,
}

/// HTTPS between clients and the balancer. Behind it, on loopback, it stays plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// With a certificate for this machine that the balancer makes at its start.
    SelfSigned,
    /// With a certificate that somebody else has made.
    Given {
        /// PEM file with the chain, the balancer's own certificate first.
        chain: PathBuf,
        /// PEM file with its private key.
        key: PathBuf,
    },
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
    /// How clients speak to it; [`None`] for plain HTTP.
    pub tls: Option<Tls>,
    /// The address that clients know, such as `https://lab.example`; [`None`] for the one
    /// where the balancer listens.
    pub public_url: Option<String>,
    /// Who may log in.
    pub users: Users,
    /// From where the services of Phase 2 are taken.
    pub backing: Backing,
    /// Where the bytes of uploads are kept.
    pub files: Files,
    /// Folder for uploads that outlives the cluster; [`None`] for a temporary one.
    pub data_dir: Option<PathBuf>,
    /// Whether a replica that dies is started again by itself.
    pub supervise: bool,
    /// More flags for every replica.
    pub replica_args: Vec<OsString>,
}

impl Topology {
    /// Three replicas for this machine alone, on any free port, with nothing that outlives
    /// them.
    #[must_use]
    pub fn on_loopback(program: Program, design: Design) -> Self {
        Self {
            program,
            design,
            replicas: 3,
            policy: design.usual_policy(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            reach: Reach::ThisMachine,
            tls: None,
            public_url: None,
            users: Users::Fresh,
            backing: Backing::Auto,
            files: Files::Folder,
            data_dir: None,
            supervise: false,
            replica_args: Vec::new(),
        }
    }
}
