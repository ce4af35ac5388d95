//! The client's address.

use super::Limits;
use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use http_edge::connection::PeerAddress;
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

/// The client's address as far as it can be trusted. X-Forwarded-For is trusted from a
/// balancer on this machine and from the proxies on the command line. For any other peer,
/// the peer's address counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The client's address of this request.
    pub(crate) fn of(parts: &Parts, proxies: &[IpNet]) -> Self {
        let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
        let is_proxy = |ip: &IpAddr| proxies.iter().any(|network| network.contains(ip));
        if !peer.is_loopback() && !is_proxy(&peer) {
            return Self(peer);
        }
        // Each proxy appends the address of its peer. So the last entry is trusted, and
        // an earlier one only if all entries after it are proxies (OWASP ASVS 4.1.3). A
        // loopback address in the list is another machine's client, not one of our
        // proxies.
        let mut client = peer;
        for hop in forwarded(&parts.headers) {
            let Some(hop) = hop else { break };
            client = hop;
            if !is_proxy(&client) {
                break;
            }
        }
        Self(client)
    }
}

/// Addresses in X-Forwarded-For, last hop first; entries that are not IP addresses become
/// `None`.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    entries.map(|entry| entry.trim().parse().ok().map(|ip: IpAddr| ip.to_canonical()))
}

impl<S: Sync> FromRequestParts<S> for ClientAddress
where
    Limits: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &S) -> Result<Self, Infallible> {
        Ok(Limits::from_ref(app).client_of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use std::net::SocketAddr;

    fn client_behind(proxies: &[&str], peer: &str, lines: &[&str]) -> String {
        let mut request = Request::builder();
        for line in lines {
            request = request.header("X-Forwarded-For", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(PeerAddress(SocketAddr::new(peer, 1)));
        let proxies: Vec<_> = proxies.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddress::of(&parts, &proxies).0.to_string()
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        client_behind(&[], peer, lines)
    }

    #[test]
    fn forwarded_header_is_trusted_only_from_loopback_by_default() {
        assert_eq!(client("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client("::ffff:127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(client("198.51.100.9", &["203.0.113.7"]), "198.51.100.9");
    }

    #[test]
    fn last_forwarded_address_counts() {
        let lines = ["10.0.0.1", "10.0.0.2, ::ffff:203.0.113.7"];
        assert_eq!(client("127.0.0.1", &lines), "203.0.113.7");
        assert_eq!(client("127.0.0.1", &["203.0.113.7, 127.0.0.1"]), "127.0.0.1");
    }

    #[test]
    fn malformed_forwarded_header_is_ignored() {
        for line in ["", "unknown", "203.0.113.7, evil", "203.0.113.7:80"] {
            assert_eq!(client("127.0.0.1", &[line]), "127.0.0.1", "{line}");
        }
    }

    #[test]
    fn only_configured_proxies_are_trusted() {
        let client =
            |peer, line| client_behind(&["10.1.0.0/16", "fd00::/8"], peer, &[line]);
        assert_eq!(client("10.1.2.3", "203.0.113.7"), "203.0.113.7");
        assert_eq!(client("::ffff:10.1.2.3", "203.0.113.7"), "203.0.113.7");
        assert_eq!(client("fd00::1", "203.0.113.7"), "203.0.113.7");
        assert_eq!(client("10.2.2.3", "203.0.113.7"), "10.2.2.3");
        assert_eq!(client("fc00::1", "203.0.113.7"), "fc00::1");
    }

    #[test]
    fn client_is_last_address_that_is_no_proxy() {
        let client = |lines: &[&str]| client_behind(&["10.1.0.0/16"], "10.1.0.1", lines);
        assert_eq!(client(&["203.0.113.7, 10.1.0.2"]), "203.0.113.7");
        assert_eq!(
            client(&["198.51.100.1, 203.0.113.7", "10.1.0.3,10.1.0.2"]),
            "203.0.113.7"
        );
        assert_eq!(client(&["203.0.113.7, 10.2.0.2, 10.1.0.2"]), "10.2.0.2");
        assert_eq!(client(&["203.0.113.7, evil, 10.1.0.2"]), "10.1.0.2");
        assert_eq!(client(&["10.1.0.3, 10.1.0.2"]), "10.1.0.3");
    }
}
