//! `Host = uri-host [ ":" port ]` (RFC 9110 §7.2). A replica that reads an invalid one in its
//! own way would serve another site than the balancer has logged.

use std::net::Ipv6Addr;

/// Whether `text` is a host with an optional port, without user information. An http URL
/// cannot have an empty host (RFC 9110 §4.2.1).
pub(crate) fn is_valid(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let (host_is_valid, rest) = match text.strip_prefix('[') {
        Some(literal) => match literal.split_once(']') {
            Some((address, rest)) => (address.parse::<Ipv6Addr>().is_ok(), rest),
            None => return false,
        },
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (!name.is_empty() && is_name(name.as_bytes()), rest)
        }
    };
    host_is_valid && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

/// Digits up to 65535, or nothing.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.is_empty() || text.parse::<u16>().is_ok())
}

/// `reg-name` of RFC 3986 §3.2.2, which includes IPv4 addresses.
fn is_name(mut text: &[u8]) -> bool {
    while let [first, rest @ ..] = text {
        text = match (first, rest) {
            (b'%', [a, b, rest @ ..])
                if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() =>
            {
                rest
            }
            (byte, rest) if byte.is_ascii_alphanumeric() => rest,
            (byte, rest) if b"-._~!$&'()*+,;=".contains(byte) => rest,
            _ => return false,
        };
    }
    true
}
