//! Where a request comes from.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use http_edge::serve::PeerAddress;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

/// The client's address, as far as it can be believed: our balancer stands on this machine
/// and says who asked; anybody else speaks for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address of this request's client.
    pub(crate) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ip| ip.to_canonical());
        let told = if peer.is_loopback() { forwarded(&parts.headers) } else { None };
        Self(told.unwrap_or(peer).to_canonical())
    }
}

/// The last address named is the one that the last hop has seen itself; those before it are
/// hearsay (OWASP ASVS 4.1.3).
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last_line = headers.get_all("x-forwarded-for").iter().next_back()?;
    last_line.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use std::net::SocketAddr;

    fn seen(peer: &str, lines: &[&str]) -> String {
        let mut request = Request::builder();
        for line in lines {
            request = request.header("X-Forwarded-For", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: IpAddr = peer.parse().unwrap();
        parts.extensions.insert(PeerAddress(SocketAddr::new(peer, 1)));
        ClientAddress::of(&parts).0.to_string()
    }

    #[test]
    fn only_the_balancer_on_this_machine_may_say_who_asked() {
        assert_eq!(seen("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("::ffff:127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen("198.51.100.9", &["203.0.113.7"]), "198.51.100.9");
    }

    #[test]
    fn of_several_addresses_the_last_one_counts() {
        let lines = ["10.0.0.1", "10.0.0.2, ::ffff:203.0.113.7"];
        assert_eq!(seen("127.0.0.1", &lines), "203.0.113.7");
    }

    #[test]
    fn what_cannot_be_read_is_not_believed() {
        for line in ["", "unknown", "203.0.113.7, evil", "203.0.113.7:80"] {
            assert_eq!(seen("127.0.0.1", &[line]), "127.0.0.1", "{line}");
        }
    }
}
