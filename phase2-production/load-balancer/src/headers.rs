//! The headers that the balancer removes and adds.

use http::header::{
    CONNECTION, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_edge::request_id::RequestId;
use std::net::IpAddr;

/// The hop-by-hop headers (RFC 9110 §7.6.1, §11.7), beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REQUEST_ID: HeaderName = HeaderName::from_static(api_contract::headers::REQUEST_ID);

/// Removes the hop-by-hop headers.
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|option| option.parse().ok())
        // They frame and route the message; a client must not have them removed.
        .filter(|name| *name != HOST && *name != http::header::CONTENT_LENGTH)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The options in all `Connection` headers. One that is no text does not hide the others.
pub(crate) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.filter_map(|option| str::from_utf8(option.trim_ascii()).ok())
}

/// Sets the client's address, host and scheme for the backend. Values from the client are
/// replaced, because this balancer is the first trusted hop.
pub(crate) fn set_forwarded(
    headers: &mut HeaderMap,
    client: IpAddr,
    scheme: &'static str,
    id: &RequestId,
) {
    headers.remove(FORWARDED);
    headers.remove(FORWARDED_HOST);
    if let Some(host) = headers.get(HOST).cloned() {
        headers.insert(FORWARDED_HOST, host);
    } else {
        // Optional in HTTP/1.0. The backend gets HTTP/1.1, where it has to be there and valid
        // (RFC 9112 §3.2).
        headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
    headers.insert(FORWARDED_FOR, text(&client.to_canonical().to_string()));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    set_request_id(headers, id);
}

/// Sets the request's id, in requests and responses.
pub(crate) fn set_request_id(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(REQUEST_ID, id.header_value());
}

/// An address as a header value: digits, letters, dots and colons.
fn text(address: &str) -> HeaderValue {
    HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_named_by_connection_are_dropped_except_framing() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("close, X-Secret-Hop"));
        headers.append(CONNECTION, HeaderValue::from_static("content-length,host"));
        let unreadable = HeaderValue::from_bytes(b"\xff, X-Other-Hop").unwrap();
        headers.append(CONNECTION, unreadable);
        headers.insert("x-other-hop", HeaderValue::from_static("1"));
        for name in ["x-secret-hop", "keep-alive", "te", "content-length", "host", "a"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        drop_hop_by_hop(&mut headers);
        let mut kept: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["a", "content-length", "host"]);
    }
}
