//! The selection of a kind of service, and the reason for it.

use crate::found::Found;
use crate::kind::{Backing, Kind, ServiceType};
use crate::{container, programs};
use anyhow::bail;

/// One kind of a service, and whether this machine has it.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The kind.
    pub kind: Kind,
    /// The service that would be used, or the missing part and its remedy.
    pub found: Result<String, String>,
    /// Whether cargo has to build it first, which takes a minute and needs the network.
    pub to_be_built: bool,
}

/// Every kind of a service, in the order in which [`Backing::Auto`] tries them. Starts and
/// installs nothing.
pub async fn offers(what: ServiceType) -> Vec<Offer> {
    let mut offers = Vec::new();
    for kind in what.kinds().iter().copied() {
        let found = find(what, kind).await;
        let to_be_built = matches!(found, Ok(Found::Crate { built: None, .. }));
        let found = found.map(|found| found.to_string());
        offers.push(Offer { kind, found, to_be_built });
    }
    offers
}

/// The selected kind.
pub(crate) struct Selection {
    pub(crate) kind: Kind,
    pub(crate) found: Found,
    pub(crate) why: String,
}

/// Selects the requested kind, or the first available one.
pub(crate) async fn select(
    what: ServiceType,
    backing: Backing,
) -> anyhow::Result<Selection> {
    if let Some(kind) = backing.kind() {
        return match find(what, kind).await {
            Ok(found) => {
                let why = format!("uses {found}: requested {}", kind.as_str());
                Ok(Selection { kind, found, why })
            }
            Err(missing) => {
                bail!("no {} of kind {}: {missing}", what.as_str(), kind.as_str())
            }
        };
    }
    let mut missing = Vec::new();
    for kind in what.kinds().iter().copied() {
        match find(what, kind).await {
            Ok(found) => {
                let why = match missing.is_empty() {
                    true => format!("uses {found}"),
                    false => format!("uses {found}: {}", missing.join("; ")),
                };
                return Ok(Selection { kind, found, why });
            }
            Err(reason) => missing.push(reason),
        }
    }
    bail!("no {} is available: {}", what.as_str(), missing.join("; "))
}

/// Finds a kind on this machine, or the reason why it is missing.
async fn find(what: ServiceType, kind: Kind) -> Result<Found, String> {
    match (kind, what) {
        (Kind::Url, _) => {
            let variable = what.variable();
            let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
            let url = url.ok_or_else(|| format!("{variable} is not set"))?;
            Ok(Found::Url { variable, url })
        }
        (Kind::Local, ServiceType::Redis) => programs::redis_server(),
        (Kind::Local, ServiceType::Database) => programs::postgres(),
        (Kind::Local, ServiceType::S3) => programs::find_crate(&programs::S3S_FS),
        (Kind::Container, ServiceType::Redis) => container::image(container::REDIS).await,
        (Kind::Container, ServiceType::Database) => {
            container::image(container::POSTGRES).await
        }
        (Kind::Embedded, ServiceType::Redis) => programs::find_crate(&programs::MEEBIS),
        (Kind::Embedded, ServiceType::Database) => Ok(Found::Sqlite),
        (Kind::Container | Kind::Embedded, ServiceType::S3) => {
            Err("there is none; set FILES_URL to the URL of a server".to_owned())
        }
    }
}
