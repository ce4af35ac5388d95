//! The configuration of a cluster.

use crate::control::DEFAULT_NAME;
use api_contract::design::Design;
use api_contract::secret::Secret;
use backing_services::Backing;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use load_balancer::config::Policy;
use process::Program;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The server that every replica of a cluster runs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum ServerKind {
    /// Phase 1, with sessions in the memory of each replica.
    Stateful,
    /// Phase 1, with a signed token in every request.
    Stateless,
    /// Phase 2: the upload server in one of its five designs.
    Upload(Design),
}

impl ServerKind {
    /// All of them, in the order of `--help`.
    pub const ALL: [Self; 7] = [
        Self::Stateful,
        Self::Stateless,
        Self::Upload(Design::Memory),
        Self::Upload(Design::Sticky),
        Self::Upload(Design::Replicated),
        Self::Upload(Design::Central),
        Self::Upload(Design::Token),
    ];

    /// The name on the command line and in JSON, as in `--design central`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stateful => "stateful",
            Self::Stateless => "stateless",
            Self::Upload(design) => design.as_str(),
        }
    }

    /// The role (see [`crate::role`]) that runs the server.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Stateful | Self::Stateless => self.as_str(),
            Self::Upload(_) => "upload",
        }
    }

    /// Whether it keeps records in a database, as all of Phase 2 does.
    #[must_use]
    pub const fn has_records(self) -> bool {
        matches!(self, Self::Upload(_))
    }

    /// Whether it does not work without Redis. The other designs of Phase 2 use Redis for
    /// rate limits, if there is one.
    #[must_use]
    pub const fn needs_redis(self) -> bool {
        match self {
            Self::Stateful | Self::Stateless => false,
            Self::Upload(design) => design.needs_redis(),
        }
    }

    /// Whether a login starts a session. Otherwise it issues a token.
    #[must_use]
    pub const fn has_sessions(self) -> bool {
        match self {
            Self::Stateful => true,
            Self::Stateless => false,
            Self::Upload(design) => design.has_sessions(),
        }
    }

    /// The balancer's policy if none is chosen.
    #[must_use]
    pub const fn default_policy(self) -> Policy {
        match self {
            Self::Upload(Design::Sticky) => Policy::Sticky,
            _ => Policy::RoundRobin,
        }
    }
}

impl From<Design> for ServerKind {
    fn from(design: Design) -> Self {
        Self::Upload(design)
    }
}

impl From<ServerKind> for String {
    fn from(server: ServerKind) -> Self {
        server.as_str().to_owned()
    }
}

impl TryFrom<String> for ServerKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|server| server.as_str() == name);
        found.ok_or_else(|| format!("there is no server {name}"))
    }
}

impl ValueEnum for ServerKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Stateful => Some(
                PossibleValue::new(self.as_str())
                    .help("Phase 1: sessions in the memory of each replica"),
            ),
            Self::Stateless => Some(
                PossibleValue::new(self.as_str())
                    .help("Phase 1: a signed token with every request"),
            ),
            Self::Upload(design) => design.to_possible_value(),
        }
    }
}

/// The accounts of a cluster.
#[derive(Clone, Debug)]
pub enum Users {
    /// Demo accounts with random passwords.
    Generated,
    /// Demo accounts that share this password.
    WithPassword(Secret),
    /// The accounts of this users file.
    File(PathBuf),
}

/// The clients that may connect to the balancer. Replicas always listen on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Clients on loopback addresses only.
    ThisMachine,
    /// Clients of every network of the address, although passwords are not encrypted.
    OtherMachines,
}

/// The store of uploaded bytes. The servers of Phase 1 support the folder only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Files {
    /// A folder that the replicas share
    #[default]
    Folder,
    /// A store with the S3 protocol
    S3,
}

/// HTTPS between clients and the balancer. The replicas, on loopback, use plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// With a self-signed certificate that the balancer creates when it starts.
    SelfSigned,
    /// With a given certificate.
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
    /// The name of the cluster, for the commands that its errors recommend.
    pub name: String,
    /// The program that runs every role.
    pub program: Program,
    /// The server that the replicas run.
    pub server: ServerKind,
    /// The number of replicas at the start.
    pub replicas: usize,
    /// How the balancer selects a replica.
    pub policy: Policy,
    /// The address of the balancer; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The clients that may connect to it.
    pub reach: Reach,
    /// HTTPS for clients; [`None`] for plain HTTP.
    pub tls: Option<Tls>,
    /// The public URL, such as `https://lab.example`; [`None`] for the address where the
    /// balancer listens.
    pub public_url: Option<String>,
    /// The accounts.
    pub users: Users,
    /// The source of the services of Phase 2.
    pub backing: Backing,
    /// The store of uploaded bytes.
    pub files: Files,
    /// A folder for data that outlives the cluster; [`None`] for a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// Whether a process that ends is restarted automatically.
    pub supervise: bool,
    /// Additional flags for every replica.
    pub replica_args: Vec<OsString>,
}

impl Topology {
    /// Three replicas on loopback, on any free port, with temporary data only.
    #[must_use]
    pub fn on_loopback(program: Program, server: impl Into<ServerKind>) -> Self {
        let server = server.into();
        Self {
            name: DEFAULT_NAME.to_owned(),
            program,
            server,
            replicas: 3,
            policy: server.default_policy(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            reach: Reach::ThisMachine,
            tls: None,
            public_url: None,
            users: Users::Generated,
            backing: Backing::Auto,
            files: Files::Folder,
            data_dir: None,
            supervise: false,
            replica_args: Vec::new(),
        }
    }
}
