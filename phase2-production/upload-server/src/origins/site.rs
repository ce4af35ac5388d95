//! The site of the page that sent a request, as the browser names it.

use super::{Origins, origin};
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http_edge::connection::PeerAddress;

/// The site of the page that sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Our own, or none because the user typed the address.
    Own,
    /// A site on the list.
    Allowed(String),
    /// Another site, or one that hides its origin (`null`).
    Foreign,
    /// No header: not a browser, or one from before 2020.
    Unknown,
}

impl Site {
    /// Reads the site from the request's headers.
    pub(crate) fn of(request: &Parts, origins: &Origins) -> Self {
        let headers = &request.headers;
        let fetched = single_value(headers, "sec-fetch-site");
        match (single_value(headers, ORIGIN.as_str()), fetched) {
            (HeaderValues::Absent, HeaderValues::Absent) => Self::Unknown,
            (HeaderValues::Absent, HeaderValues::One("same-origin" | "none")) => {
                Self::Own
            }
            (HeaderValues::One(named), fetched) => {
                let crossed = !matches!(
                    fetched,
                    HeaderValues::Absent | HeaderValues::One("same-origin" | "none")
                );
                if origins.0.allowed.iter().any(|allowed| allowed == named) {
                    Self::Allowed(named.to_owned())
                } else if !crossed && own(request, origins).as_deref() == Some(named) {
                    Self::Own
                } else {
                    Self::Foreign
                }
            }
            _ => Self::Foreign,
        }
    }
}

enum HeaderValues<'h> {
    Absent,
    One(&'h str),
    /// Several values, or not text.
    Invalid,
}

fn single_value<'h>(headers: &'h HeaderMap, name: &str) -> HeaderValues<'h> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => HeaderValues::Absent,
        (Some(value), None) => {
            value.to_str().map_or(HeaderValues::Invalid, HeaderValues::One)
        }
        (Some(_), Some(_)) => HeaderValues::Invalid,
    }
}

/// The server's own origin, from the command line or from `Host`. If an attacker's host
/// name points at this server, the browser sends no cookie to that name.
fn own(request: &Parts, origins: &Origins) -> Option<String> {
    if let Some(own) = &origins.0.own {
        return Some(own.clone());
    }
    let peer = request.extensions.get::<PeerAddress>();
    let is_trusted = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let scheme = match single_value(&request.headers, "x-forwarded-proto") {
        HeaderValues::One("https") if is_trusted => "https",
        _ => "http",
    };
    let HeaderValues::One(host) = single_value(&request.headers, HOST.as_str()) else {
        return None;
    };
    origin(&format!("{scheme}://{host}")).ok()
}
