//! Sticky sessions: a cookie binds a client to the backend that served it first. For servers
//! that keep sessions in their own memory.
//!
//! When that backend is unavailable, the client gets another backend and a new cookie. Its
//! session in the old backend's memory is lost to it, which the lab demonstrates.

use super::RequestedBackend;
use super::tried::is_tried;
use crate::backends::Backend;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use http_edge::cookies;
use std::sync::Arc;

/// The cookie's name; its value is a backend's id.
const NAME: &str = "lab_replica";

/// Removes the cookie from the request and returns its value. Of several cookies of this
/// name, which a client sends for several paths, the first readable one counts and all are
/// removed. Other cookies are bytes that need not be readable here.
pub(super) fn take_requested_backend(request: &mut HeaderMap) -> RequestedBackend {
    let mut requested = None;
    let mut kept = Vec::new();
    for header in request.get_all(COOKIE) {
        let (ours, others): (Vec<_>, Vec<_>) = cookies::pairs(header.as_bytes())
            .partition(|pair| cookies::value(pair, NAME).is_some());
        let mut readable = ours.iter().filter_map(|pair| {
            str::from_utf8(cookies::value(pair, NAME)?).ok().map(str::to_owned)
        });
        requested = requested.or_else(|| readable.next());
        if ours.is_empty() {
            kept.push(header.clone());
        } else if let Ok(rest) = HeaderValue::from_bytes(&others.join(&b"; "[..])) {
            kept.extend((!others.is_empty()).then_some(rest));
        }
    }
    request.remove(COOKIE);
    for header in kept {
        request.append(COOKIE, header);
    }
    requested
}

/// The client's backend, if it still serves its clients. A backend that is drained by
/// command does: it gets no new sessions, and keeps the old ones until the process stops.
pub(super) fn pick<'a>(
    backends: &'a [Arc<Backend>],
    tried: &[&'a Arc<Backend>],
    requested: &RequestedBackend,
) -> Option<&'a Arc<Backend>> {
    let id = requested.as_deref()?;
    let backend = backends.iter().find(|backend| backend.id() == id)?;
    (backend.serves_own_clients() && !is_tried(backend, tried)).then_some(backend)
}

/// The cookie for a client of backend `id`: for the browser session, not readable by scripts
/// (`HttpOnly`), not sent with forms of other sites (`SameSite=Lax`). Set over HTTPS, it is
/// not sent over plain HTTP (`Secure`).
///
/// # Panics
/// Never for an id that `http_edge::args::replica_id` has accepted.
pub(super) fn cookie(id: &str, https: bool) -> HeaderValue {
    let secure = if https { " Secure;" } else { "" };
    let cookie = format!("{NAME}={id}; Path=/;{secure} HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&cookie).expect("a checked backend id is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(cookies: &[&'static str]) -> (RequestedBackend, Vec<String>) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        let requested = take_requested_backend(&mut headers);
        let rest = headers.get_all(COOKIE).iter();
        (requested, rest.map(|value| value.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn balancer_cookie_is_removed_and_others_stay() {
        let (requested, rest) = take(&["a=1; lab_replica=r2; b=2"]);
        assert_eq!(
            (requested.as_deref(), rest),
            (Some("r2"), vec!["a=1; b=2".to_owned()])
        );
        let (requested, rest) = take(&["a=1", "lab_replica=r1; lab_replica=r2"]);
        assert_eq!((requested.as_deref(), rest), (Some("r1"), vec!["a=1".to_owned()]));
    }

    #[test]
    fn cookies_of_any_bytes_keep_a_client_at_its_backend() {
        let mut headers = HeaderMap::new();
        let line = b"name=J\xc3\xb6rg; lab_replica=r2; x=\xff";
        headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        assert_eq!(take_requested_backend(&mut headers).as_deref(), Some("r2"));
        let rest = headers[COOKIE].as_bytes();
        assert_eq!(rest, b"name=J\xc3\xb6rg; x=\xff");
        let unreadable = HeaderValue::from_bytes(b"lab_replica=\xff").unwrap();
        headers.insert(COOKIE, unreadable);
        assert_eq!(take_requested_backend(&mut headers), None);
    }

    #[test]
    fn request_without_balancer_cookie_is_unchanged() {
        let (requested, rest) = take(&["xlab_replica=r1;  odd ;; spacing"]);
        assert_eq!(requested, None);
        assert_eq!(rest, ["xlab_replica=r1;  odd ;; spacing"]);
    }
}
