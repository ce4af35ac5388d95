//! Reading cookies (RFC 6265 §5.4).
//!
//! All servers of one host get each other's cookies, and a value may have any bytes. So a
//! `Cookie` header is split as bytes, and one unreadable cookie hides no other.

use http::HeaderMap;
use http::header::COOKIE;

/// The pairs `name=value` of a `Cookie` header, without the white space around them.
pub fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii)
}

/// The value of a pair with this name.
#[must_use]
pub fn value<'p>(pair: &'p [u8], name: &str) -> Option<&'p [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// The values of all cookies with this name, in their order.
pub fn values<'h>(
    headers: &'h HeaderMap,
    name: &'h str,
) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| pairs(line.as_bytes()));
    pairs.filter_map(move |pair| value(pair, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn each_cookie_is_read_by_itself() {
        let mut headers = HeaderMap::new();
        for line in [&b"n=\xff; a=1;\xe4=2; b ; =; a=2=3"[..], b"\xff", b"a=\xfe;xa=4"] {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        let found: Vec<_> = values(&headers, "a").collect();
        assert_eq!(found, [&b"1"[..], b"2=3", b"\xfe"]);
        assert_eq!(values(&headers, "c").count(), 0);
    }
}
