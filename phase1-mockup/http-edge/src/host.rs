//! The `Host` of a request (RFC 9110 §7.2, RFC 9112 §3.2).
//!
//! A proxy that reads another name than the server, of two or of a broken one, could be made to
//! send the request of one site to another.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Version};

/// Refuses a request with several hosts, an invalid one, or none; HTTP/1.0 needs none.
///
/// # Errors
/// With `malformed-request`.
pub fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (Some(host), None) if is_valid(host) => Ok(()),
        _ => Err(Refusal::new(ProblemKind::MalformedRequest)
            .detail("Send one Host header with the name and the port of this server.")),
    }
}

/// A name or an address with an optional port, and no user (RFC 9110 §4.2.4). A proxy sends an empty
/// value for a client of HTTP/1.0 that named no host.
fn is_valid(host: &HeaderValue) -> bool {
    let Ok(text) = host.to_str() else {
        return false;
    };
    if text.is_empty() {
        return true;
    }
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let (name, port) = (authority.host(), text.strip_prefix(authority.host()));
    let port = port.and_then(|port| port.strip_prefix(':').or(Some(port)));
    let is_number = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    !name.is_empty() && !text.contains('@') && port.is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(version: Version, hosts: &[&[u8]]) -> bool {
        let mut request = Request::builder().version(version);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        check(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn request_has_one_valid_host() {
        for host in
            ["", "a", "a.test", "a:80", "127.0.0.1:8080", "[::1]", "[::1]:1", "a:"]
        {
            assert!(accepted(Version::HTTP_11, &[host.as_bytes()]), "{host}");
        }
        let invalid: [&[u8]; 9] = [
            b":80",
            b"a b",
            b"user@a",
            b"user:pass@a:80",
            b"a:x",
            b"a:99999",
            b"a/b",
            b"a?b",
            b"\xff",
        ];
        for host in invalid {
            let text = host.escape_ascii();
            assert!(!accepted(Version::HTTP_11, &[host]), "{text}");
        }
        assert!(!accepted(Version::HTTP_11, &[b"a", b"a"]), "two hosts");
        assert!(!accepted(Version::HTTP_11, &[]), "no host");
        assert!(accepted(Version::HTTP_10, &[]), "no host in HTTP/1.0");
    }
}
