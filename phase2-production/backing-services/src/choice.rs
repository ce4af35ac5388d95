//! Which service is taken, and why the ones before it were not.

use crate::kind::{Backing, Kind, What};
use crate::{container, programs};
use anyhow::bail;
use std::fmt;
use std::path::PathBuf;

/// What a kind comes down to on this machine.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// The URL that the environment names.
    Url { variable: &'static str, url: String },
    /// A program, and what it calls itself.
    Program { path: PathBuf, version: String },
    /// An image that is here already.
    Image(&'static str),
    /// A program that cargo builds on first use; [`None`] if it has not yet.
    Crate { of: &'static programs::Crate, built: Option<PathBuf> },
    /// A file, and a library that is compiled in.
    Sqlite,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { variable, .. } => write!(f, "the server that {variable} names"),
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

/// One kind, and whether this machine has it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Which kind.
    pub kind: Kind,
    /// What would be taken, or what is missing and what to do about it.
    pub found: Result<String, String>,
    /// Whether it would have to be built first, which takes a minute and the network.
    pub to_be_built: bool,
}

/// Every kind of a service, in the order in which [`Backing::Auto`] tries them. Nothing is
/// started or installed.
pub async fn offers(what: What) -> Vec<Offer> {
    let mut offers = Vec::new();
    for kind in what.kinds().iter().copied() {
        let found = look(what, kind).await;
        let to_be_built = matches!(found, Ok(Found::Crate { built: None, .. }));
        let found = found.map(|found| found.to_string());
        offers.push(Offer { kind, found, to_be_built });
    }
    offers
}

/// A kind that was decided for.
pub(crate) struct Choice {
    pub(crate) kind: Kind,
    pub(crate) found: Found,
    pub(crate) why: String,
}

/// Takes the kind that was asked for, or the first that there is.
pub(crate) async fn choose(what: What, backing: Backing) -> anyhow::Result<Choice> {
    if let Some(kind) = backing.kind() {
        return match look(what, kind).await {
            Ok(found) => {
                let why = format!("took {found}: asked for {}", kind.as_str());
                Ok(Choice { kind, found, why })
            }
            Err(missing) => {
                bail!("no {} of kind {}: {missing}", what.as_str(), kind.as_str())
            }
        };
    }
    let mut missing = Vec::new();
    for kind in what.kinds().iter().copied() {
        match look(what, kind).await {
            Ok(found) => {
                let why = match missing.is_empty() {
                    true => format!("took {found}"),
                    false => format!("took {found}: {}", missing.join("; ")),
                };
                return Ok(Choice { kind, found, why });
            }
            Err(reason) => missing.push(reason),
        }
    }
    bail!("no {} can be had: {}", what.as_str(), missing.join("; "))
}

/// What a kind comes down to here, or why there is none.
async fn look(what: What, kind: Kind) -> Result<Found, String> {
    match (kind, what) {
        (Kind::Url, _) => {
            let variable = what.variable();
            let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
            let url = url.ok_or_else(|| format!("{variable} is not set"))?;
            Ok(Found::Url { variable, url })
        }
        (Kind::Local, What::Redis) => programs::redis_server(),
        (Kind::Local, What::Database) => programs::postgres(),
        (Kind::Local, What::S3) => programs::crate_of(&programs::S3S_FS),
        (Kind::Container, What::Redis) => container::image(container::REDIS).await,
        (Kind::Container, What::Database) => container::image(container::POSTGRES).await,
        (Kind::Embedded, What::Redis) => programs::crate_of(&programs::MEEBIS),
        (Kind::Embedded, What::Database) => Ok(Found::Sqlite),
        (Kind::Container | Kind::Embedded, What::S3) => {
            Err("there is none; name a server with FILES_URL".to_owned())
        }
    }
}
