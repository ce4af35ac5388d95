//! Under which address clients and browsers know the cluster, and what they must trust.

use crate::run_dir::RunDir;
use crate::topology::{Tls, Topology};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// What stands before the replicas, seen from outside. It stays while the balancer's
/// process comes and goes.
#[derive(Debug)]
pub(super) struct Front {
    /// Where clients knock.
    pub(super) url: String,
    /// The same place by name, which is another site to a browser.
    by_name: Option<String>,
    /// The certificate that the balancer has made, if it made one.
    pub(super) certificate: Option<PathBuf>,
    /// Whether the replicas have to be told: over plain HTTP they go by what they are called.
    told: bool,
}

impl Front {
    /// The front of a balancer that listens here.
    pub(super) fn of(topology: &Topology, run_dir: &RunDir, listens: SocketAddr) -> Self {
        let scheme = if topology.tls.is_some() { "https" } else { "http" };
        let at = connectable(listens);
        let named = topology.public_url.as_deref();
        let url = named.map_or_else(
            || format!("{scheme}://{at}"),
            |url| url.trim_end_matches('/').to_owned(),
        );
        let is_unnamed = named.is_none() && at.ip().is_loopback();
        let self_signed = topology.tls == Some(Tls::SelfSigned);
        Self {
            url,
            by_name: is_unnamed.then(|| format!("{scheme}://localhost:{}", at.port())),
            certificate: self_signed.then(|| certificate_file(run_dir)),
            told: topology.tls.is_some() || named.is_some(),
        }
    }

    /// By which a server of Phase 2 tells its own pages from others', and whether its
    /// cookie is for HTTPS alone.
    pub(super) fn flags(&self) -> Vec<(&'static str, &str)> {
        if !self.told {
            return Vec::new();
        }
        let by_name = self.by_name.as_deref().map(|name| ("--origin", name));
        std::iter::once(("--public-url", self.url.as_str())).chain(by_name).collect()
    }
}

/// Where the balancer writes the certificate that it makes.
pub(super) fn certificate_file(run_dir: &RunDir) -> PathBuf {
    run_dir.path().join("certificate.pem")
}

/// "Everywhere" is no address to connect to, and no certificate is for it.
fn connectable(listens: SocketAddr) -> SocketAddr {
    let loopback = match listens {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let ip = if listens.ip().is_unspecified() { loopback } else { listens.ip() };
    SocketAddr::new(ip, listens.port())
}
