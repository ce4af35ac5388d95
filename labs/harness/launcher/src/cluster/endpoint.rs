//! The public address of a cluster, and the certificate that clients must trust.

use crate::topology::{Tls, Topology};
use process::RunDir;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// The address of the balancer for clients. It does not change when the balancer restarts.
#[derive(Debug)]
pub(super) struct PublicEndpoint {
    /// The base URL for clients.
    pub(super) url: String,
    /// The same address with the name `localhost`, which is another origin for a browser.
    localhost_origin: Option<String>,
    /// The self-signed certificate of the balancer, if there is one.
    pub(super) certificate: Option<PathBuf>,
    /// Whether replicas need the URL as a flag. Over plain HTTP they use the `Host` header.
    needs_flags: bool,
}

impl PublicEndpoint {
    /// The endpoint of a balancer that listens on `listens`.
    pub(super) fn new(
        topology: &Topology,
        run_dir: &RunDir,
        listens: SocketAddr,
    ) -> Self {
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
            localhost_origin: is_unnamed
                .then(|| format!("{scheme}://localhost:{}", at.port())),
            certificate: self_signed.then(|| certificate_file(run_dir)),
            needs_flags: topology.tls.is_some() || named.is_some(),
        }
    }

    /// The flags with which a server of Phase 2 recognises its own origins and decides whether
    /// its cookie is for HTTPS only.
    pub(super) fn flags(&self) -> Vec<(&'static str, &str)> {
        if !self.needs_flags {
            return Vec::new();
        }
        let origin = self.localhost_origin.as_deref().map(|url| ("--origin", url));
        std::iter::once(("--public-url", self.url.as_str())).chain(origin).collect()
    }
}

/// The file of the self-signed certificate.
pub(super) fn certificate_file(run_dir: &RunDir) -> PathBuf {
    run_dir.path().join("certificate.pem")
}

/// Replaces the unspecified address (`0.0.0.0`, `::`), which clients cannot connect to and
/// certificates do not name, by the loopback address.
fn connectable(listens: SocketAddr) -> SocketAddr {
    let loopback = match listens {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let ip = if listens.ip().is_unspecified() { loopback } else { listens.ip() };
    SocketAddr::new(ip, listens.port())
}
