//! What there can be, in words that people, commands and tests share.

use serde::{Deserialize, Serialize};

/// What a backing service is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The cache that replicas share.
    Redis,
    /// The records that are the truth.
    Database,
    /// Uploaded files, for replicas on several machines.
    S3,
}

impl What {
    /// The word for it, as in `lab kill redis`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Database => "database",
            Self::S3 => "s3",
        }
    }

    /// In which kinds there can be one, in the order in which [`Backing::Auto`] tries them.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Redis | Self::Database => &Kind::ORDER,
            Self::S3 => &[Kind::Url, Kind::Local],
        }
    }

    /// The environment variable that names one which runs already.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Redis => "REDIS_URL",
            Self::Database => "DATABASE_URL",
            Self::S3 => "FILES_URL",
        }
    }
}

/// From where to take a service.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backing {
    /// The first that there is: url, local, container, embedded
    #[default]
    Auto,
    /// What needs no installation: SQLite, and a small Redis that cargo builds
    Embedded,
    /// A private child of the server that is installed on this machine
    Local,
    /// A private container
    Container,
    /// The one that `DATABASE_URL` or `REDIS_URL` names
    Url,
}

impl Backing {
    /// The one kind that was asked for; [`None`] when any will do.
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

/// What a service is in the end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody else's: it is used, never stopped.
    Url,
    /// A private child process of a server that is installed.
    Local,
    /// A private container.
    Container,
    /// What needs no installation.
    Embedded,
}

impl Kind {
    /// All of them, in the order in which [`Backing::Auto`] tries them.
    pub const ORDER: [Self; 4] =
        [Self::Url, Self::Local, Self::Container, Self::Embedded];

    /// The kind as one word, as in `--backing local`.
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

/// What is known of a service's processes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Running.
    Up,
    /// Stopped by SIGSTOP: alive, and answering nobody.
    Paused,
    /// Ended.
    Down,
    /// Nothing of ours to look after: somebody else's server, or a file.
    External,
}

impl State {
    /// The state as one word.
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
