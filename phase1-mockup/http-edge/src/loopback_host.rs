//! The `Host` check of listeners on loopback, against DNS rebinding: a web page can point
//! its own name at this machine, but the browser then sends that name as `Host`.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use http::HeaderMap;
use http::header::HOST;
use http::uri::Authority;
use std::net::IpAddr;

/// Refuses a request with a `Host` that is not a loopback name.
///
/// # Errors
/// With `malformed-request`.
pub fn require(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_loopback) {
        return Ok(());
    }
    Err(Refusal::new(ProblemKind::MalformedRequest)
        .detail("The admin listener answers to 127.0.0.1, [::1] and localhost only."))
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_accepted() {
        let accepted = |host: &str| {
            require(&HeaderMap::from_iter([(HOST, host.parse().unwrap())])).is_ok()
        };
        for own in ["127.0.0.1", "127.0.0.1:9000", "[::1]:1", "localhost", "LOCALHOST:80"]
        {
            assert!(accepted(own), "{own}");
        }
        for other in ["evil.test", "127.0.0.1.evil.test", "localhost.evil.test:80", ""] {
            assert!(!accepted(other), "{other}");
        }
        assert!(require(&HeaderMap::new()).is_err());
    }
}
