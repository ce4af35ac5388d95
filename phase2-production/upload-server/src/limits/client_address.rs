//! Where a request comes from.

use crate::app::AppState;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use http_edge::serve::PeerAddress;
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

/// The client's address, as far as it can be believed: a balancer on this machine, and each
/// proxy that the command line names, says whom it has heard; anybody else speaks for
/// themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address of this request's client, if `proxies` can be trusted.
    pub(crate) fn of(parts: &Parts, proxies: &[IpNet]) -> Self {
        let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
        let is_proxy = |ip: &IpAddr| proxies.iter().any(|network| network.contains(ip));
        if !peer.is_loopback() && !is_proxy(&peer) {
            return Self(peer);
        }
        // Each hop adds whom it has heard at the end. So the end is believed, and what
        // stands before an entry if that names a proxy (OWASP ASVS 4.1.3). A loopback
        // address in the list is a client of another machine's, not one of our proxies.
        let mut client = peer;
        for told in forwarded(&parts.headers) {
            let Some(told) = told else { break };
            client = told;
            if !is_proxy(&client) {
                break;
            }
        }
        Self(client)
    }
}

/// Who asked whom, the last hop first; what is no address is nobody.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    entries.map(|entry| entry.trim().parse().ok().map(|ip: IpAddr| ip.to_canonical()))
}

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &AppState,
    ) -> Result<Self, Infallible> {
        Ok(app.limits.client_of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use std::net::SocketAddr;

    fn seen_behind(proxies: &[&str], peer: &str, lines: &[&str]) -> String {
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

    fn seen(peer: &str, lines: &[&str]) -> String {
        seen_behind(&[], peer, lines)
    }

    #[test]
    fn unless_told_otherwise_only_a_balancer_on_this_machine_may_say_who_asked() {
        assert_eq!(seen("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("::ffff:127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("198.51.100.9", &["203.0.113.7"]), "198.51.100.9");
    }

    #[test]
    fn of_several_addresses_the_last_one_counts() {
        let lines = ["10.0.0.1", "10.0.0.2, ::ffff:203.0.113.7"];
        assert_eq!(seen("127.0.0.1", &lines), "203.0.113.7");
        assert_eq!(seen("127.0.0.1", &["203.0.113.7, 127.0.0.1"]), "127.0.0.1");
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for line in ["", "unknown", "203.0.113.7, evil", "203.0.113.7:80"] {
            assert_eq!(seen("127.0.0.1", &[line]), "127.0.0.1", "{line}");
        }
    }

    #[test]
    fn a_proxy_that_is_named_is_believed_and_its_neighbours_are_not() {
        let seen = |peer, line| seen_behind(&["10.1.0.0/16", "fd00::/8"], peer, &[line]);
        assert_eq!(seen("10.1.2.3", "203.0.113.7"), "203.0.113.7");
        assert_eq!(seen("::ffff:10.1.2.3", "203.0.113.7"), "203.0.113.7");
        assert_eq!(seen("fd00::1", "203.0.113.7"), "203.0.113.7");
        assert_eq!(seen("10.2.2.3", "203.0.113.7"), "10.2.2.3");
        assert_eq!(seen("fc00::1", "203.0.113.7"), "fc00::1");
    }

    #[test]
    fn behind_several_proxies_it_is_the_last_that_is_none_of_them() {
        let seen = |lines: &[&str]| seen_behind(&["10.1.0.0/16"], "10.1.0.1", lines);
        assert_eq!(seen(&["203.0.113.7, 10.1.0.2"]), "203.0.113.7");
        assert_eq!(
            seen(&["198.51.100.1, 203.0.113.7", "10.1.0.3,10.1.0.2"]),
            "203.0.113.7"
        );
        assert_eq!(seen(&["203.0.113.7, 10.2.0.2, 10.1.0.2"]), "10.2.0.2");
        assert_eq!(seen(&["203.0.113.7, evil, 10.1.0.2"]), "10.1.0.2");
        assert_eq!(seen(&["10.1.0.3, 10.1.0.2"]), "10.1.0.3");
    }
}
