//! What is taken from a message on its way through, and what is added.

use http::header::{
    CONNECTION, FORWARDED, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_edge::request_id::RequestId;
use std::net::IpAddr;

/// Meant for the next hop alone (RFC 9110 §7.6.1, §11.7), beside what `Connection`
/// itself names.
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

/// Removes what was meant for this hop.
pub(crate) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = connection_options(headers)
        .filter_map(|option| option.parse().ok())
        // These say how the message is read; no client may have them removed.
        .filter(|name| *name != HOST && *name != http::header::CONTENT_LENGTH)
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// What `Connection` lists, in all its lines.
pub(crate) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Tells the backend who asked, and by which `scheme`. What the client itself sent under these names is
/// replaced: this is the first hop that can be believed.
pub(crate) fn say_who_asked(
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
        // A client of HTTP/1.0 need not name one; to the backend we speak HTTP/1.1,
        // where it may be empty but not missing (RFC 9112 §3.2).
        headers.insert(HOST, HeaderValue::from_static(""));
    }
    headers.insert(FORWARDED_FOR, text(&client.to_canonical().to_string()));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    name_request(headers, id);
}

/// Names the request, on its way in as on its way out.
pub(crate) fn name_request(headers: &mut HeaderMap, id: &RequestId) {
    headers.insert(REQUEST_ID, id.header_value());
}

/// An address as a header's value: digits, letters, dots and colons.
fn text(address: &str) -> HeaderValue {
    HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_dropped_but_never_the_framing() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("close, X-Secret-Hop"));
        headers.append(CONNECTION, HeaderValue::from_static("content-length,host"));
        for name in ["x-secret-hop", "keep-alive", "te", "content-length", "host", "a"] {
            headers.insert(name, HeaderValue::from_static("1"));
        }
        drop_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["a", "content-length", "host"]);
    }
}
