//! A service as it exists on this machine.

use std::fmt;
use std::path::PathBuf;

/// A kind of service as it exists on this machine.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// The URL in an environment variable.
    Url { variable: &'static str, url: String },
    /// An installed program and its name with version.
    Program { path: PathBuf, version: String },
    /// An image that the Docker engine has.
    Image(&'static str),
    /// A program that cargo builds on first use; [`None`] if it is not built yet.
    Crate { of: &'static Crate, built: Option<PathBuf> },
    /// A file of the compiled-in SQLite.
    Sqlite,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { variable, .. } => write!(f, "the server in {variable}"),
            Self::Program { path, version } => {
                write!(f, "{version} ({})", path.display())
            }
            Self::Image(image) => write!(f, "a container of {image}"),
            Self::Crate { of, built: Some(path) } => {
                write!(f, "{of} ({})", path.display())
            }
            Self::Crate { of, built: None } => {
                write!(f, "{of}, which cargo builds on first use")
            }
            Self::Sqlite => f.write_str("SQLite, in a file"),
        }
    }
}

/// A program that cargo builds.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) features: &'static str,
    /// The profile of cargo.
    pub(crate) profile: &'static str,
}

impl fmt::Display for Crate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}
