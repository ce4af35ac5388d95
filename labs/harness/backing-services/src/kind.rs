//! The types, kinds and states of services, with their names in commands and JSON.

use serde::{Deserialize, Serialize};

/// The type of a backing service.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    /// The cache that replicas share.
    Redis,
    /// The primary store of the records.
    Database,
    /// Uploaded files, for replicas on several machines.
    S3,
}

impl ServiceType {
    /// The name, as in `lab kill redis`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Database => "database",
            Self::S3 => "s3",
        }
    }

    /// The kinds of this type, in the order in which [`Backing::Auto`] tries them.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Redis | Self::Database => &Kind::ORDER,
            Self::S3 => &[Kind::Url, Kind::Local],
        }
    }

    /// The environment variable with the URL of an external one.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Redis => "REDIS_URL",
            Self::Database => "DATABASE_URL",
            Self::S3 => "FILES_URL",
        }
    }
}

/// The source of a backing service.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backing {
    /// The first available one: url, local, container, embedded
    #[default]
    Auto,
    /// No installation needed: SQLite, and a small Redis that cargo builds
    Embedded,
    /// A private process of the server that is installed on this machine
    Local,
    /// A private container
    Container,
    /// The server at `DATABASE_URL` or `REDIS_URL`
    Url,
}

impl Backing {
    /// The requested kind; [`None`] for any.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Auto => None,
            Self::Embedded => Some(Kind::Embedded),
            Self::Local => Some(Kind::Local),
            Self::Container => Some(Kind::Container),
            Self::Url => Some(Kind::Url),
        }
    }
}

/// The kind of a service.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An external server: used, never stopped.
    Url,
    /// A private process of an installed server.
    Local,
    /// A private container.
    Container,
    /// A server or library that needs no installation.
    Embedded,
}

impl Kind {
    /// All of them, in the order in which [`Backing::Auto`] tries them.
    pub const ORDER: [Self; 4] =
        [Self::Url, Self::Local, Self::Container, Self::Embedded];

    /// The name, as in `--backing local`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Local => "local",
            Self::Container => "container",
            Self::Embedded => "embedded",
        }
    }
}

/// The state of a service's processes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Running.
    Up,
    /// Stopped by SIGSTOP: alive, and requests get no reply.
    Paused,
    /// Ended.
    Down,
    /// An external server, or a file.
    External,
}

impl State {
    /// The name of the state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Paused => "paused",
            Self::Down => "down",
            Self::External => "external",
        }
    }
}
