//! The backend that served the client before, by a cookie: for servers that remember
//! in their own memory.
//!
//! The cookie is a wish, not a promise. When its backend is not there, the client goes
//! elsewhere and gets a new cookie; what the old backend remembered is lost to it. That
//! loss is what the lab shows.

use super::Claim;
use crate::backends::Backend;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;

/// The cookie's name; its value is a backend's id.
const NAME: &str = "lab_replica";

/// Takes the cookie out of the request and returns its value. Of several, as a client
/// sends them for several paths, the first counts and all are taken out.
pub(super) fn take_claim(request: &mut HeaderMap) -> Claim {
    let mut claim = None;
    let mut kept = Vec::new();
    for header in request.get_all(COOKIE) {
        let Ok(text) = header.to_str() else {
            kept.push(header.clone());
            continue;
        };
        let (ours, others): (Vec<_>, Vec<_>) =
            text.split(';').map(str::trim).partition(|pair| value(pair).is_some());
        claim = claim.or_else(|| ours.first().and_then(|pair| value(pair)));
        if ours.is_empty() {
            kept.push(header.clone());
        } else if let Ok(rest) = HeaderValue::from_str(&others.join("; ")) {
            kept.extend((!others.is_empty()).then_some(rest));
        }
    }
    let claim = claim.map(str::to_owned);
    request.remove(COOKIE);
    for header in kept {
        request.append(COOKIE, header);
    }
    claim
}

fn value(pair: &str) -> Option<&str> {
    pair.strip_prefix(NAME)?.strip_prefix('=')
}

/// The backend the client belongs to, if it still keeps its clients. A backend that is
/// drained by order does: draining stops new sessions, and the old ones last until the
/// process stops.
pub(super) fn pick<'a>(
    backends: &[&'a Arc<Backend>],
    claim: &Claim,
) -> Option<&'a Arc<Backend>> {
    let id = claim.as_deref()?;
    let claimed = backends.iter().find(|backend| backend.id() == id)?;
    claimed.keeps_its_clients().then_some(claimed)
}

/// The cookie for a client of backend `id`. It lasts as long as the browser; no script
/// needs it (`HttpOnly`), and no other site's form carries it (`SameSite=Lax`). What was
/// given over HTTPS does not come back in the clear (`Secure`).
///
/// # Panics
/// Never for an id that `http_edge::args::replica_id` has let through.
pub(super) fn cookie(id: &str, https: bool) -> HeaderValue {
    let secure = if https { " Secure;" } else { "" };
    let cookie = format!("{NAME}={id}; Path=/;{secure} HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&cookie).expect("a checked backend id is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(cookies: &[&'static str]) -> (Claim, Vec<String>) {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        let claim = take_claim(&mut headers);
        let left = headers.get_all(COOKIE).iter();
        (claim, left.map(|value| value.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn the_cookie_is_read_and_taken_out_and_the_others_stay() {
        let (claim, left) = taken(&["a=1; lab_replica=r2; b=2"]);
        assert_eq!((claim.as_deref(), left), (Some("r2"), vec!["a=1; b=2".to_owned()]));
        let (claim, left) = taken(&["a=1", "lab_replica=r1; lab_replica=r2"]);
        assert_eq!((claim.as_deref(), left), (Some("r1"), vec!["a=1".to_owned()]));
    }

    #[test]
    fn a_request_without_the_cookie_is_left_as_it_is() {
        let (claim, left) = taken(&["xlab_replica=r1;  odd ;; spacing"]);
        assert_eq!(claim, None);
        assert_eq!(left, ["xlab_replica=r1;  odd ;; spacing"]);
    }
}
