//! Whose page a request comes from, as the browser tells it.

use super::{Origins, origin};
use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http_edge::serve::PeerAddress;

/// Whose page a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Ours, or nobody's: typed by the user into the address bar.
    Own,
    /// That of a site on the list, which is named here.
    Allowed(String),
    /// That of another site, or one that hides where it is from (`null`).
    Foreign,
    /// Nothing is said: no browser, or one from before 2020.
    Unsaid,
}

impl Site {
    /// What the request says of itself.
    pub(crate) fn of(request: &Parts, origins: &Origins) -> Self {
        let headers = &request.headers;
        let fetched = only(headers, "sec-fetch-site");
        match (only(headers, ORIGIN.as_str()), fetched) {
            (Said::Nothing, Said::Nothing) => Self::Unsaid,
            (Said::Nothing, Said::Once("same-origin" | "none")) => Self::Own,
            (Said::Once(named), fetched) => {
                let crossed = !matches!(
                    fetched,
                    Said::Nothing | Said::Once("same-origin" | "none")
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

enum Said<'h> {
    Nothing,
    Once(&'h str),
    /// Twice, or unreadably.
    Oddly,
}

fn only<'h>(headers: &'h HeaderMap, name: &str) -> Said<'h> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Oddly, Said::Once),
        (Some(_), Some(_)) => Said::Oddly,
    }
}

/// Our own origin: from the command line, or as the client calls us. A page that has its
/// own name point at this server gets no cookie from the browser under that name.
fn own(request: &Parts, origins: &Origins) -> Option<String> {
    if let Some(own) = &origins.0.own {
        return Some(own.clone());
    }
    let peer = request.extensions.get::<PeerAddress>();
    let believed = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let scheme = match only(&request.headers, "x-forwarded-proto") {
        Said::Once("https") if believed => "https",
        _ => "http",
    };
    let Said::Once(host) = only(&request.headers, HOST.as_str()) else {
        return None;
    };
    origin(&format!("{scheme}://{host}")).ok()
}
