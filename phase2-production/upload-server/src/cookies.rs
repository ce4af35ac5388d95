//! Writes and reads the session cookie.
//!
//! Over HTTPS its name begins with `__Host-`: then browsers accept it only from this
//! host, over HTTPS, for all paths (RFC 6265bis §4.1.3.2; ASVS 3.3.3). Plain HTTP cannot
//! use that prefix.

use http::{HeaderMap, HeaderValue};
use http_edge::cookies;

/// Several cookies have the session's name. One may be injected, and the server cannot
/// tell which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Name and attributes of the session cookie.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    name: &'static str,
    attributes: &'static str,
}

impl Cookies {
    /// For browsers that reach this server over HTTPS, or over HTTP.
    pub(crate) const fn new(https: bool) -> Self {
        if https {
            let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
            Self { name: "__Host-session", attributes }
        } else {
            Self { name: "session", attributes: "Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// The name of the cookie.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// A `Set-Cookie` value that stores the id until the browser closes. The server
    /// enforces the session's lifetime.
    ///
    /// # Panics
    /// Never for a session id, which is base64url.
    pub(crate) fn set_value(&self, id: &str) -> HeaderValue {
        let Self { name, attributes } = self;
        let mut value = HeaderValue::from_str(&format!("{name}={id}; {attributes}"))
            .expect("a session id is a header value");
        value.set_sensitive(true);
        value
    }

    /// A `Set-Cookie` value that removes the cookie. Browsers ignore it if its attributes
    /// differ.
    ///
    /// # Panics
    /// Never: both parts are constants.
    pub(crate) fn clear_value(&self) -> HeaderValue {
        let Self { name, attributes } = self;
        HeaderValue::from_str(&format!("{name}=; {attributes}; Max-Age=0"))
            .expect("constants are a header value")
    }

    /// The session id in the cookie; an unreadable one is empty text, and so unknown.
    ///
    /// # Errors
    /// When several cookies have the name.
    pub(crate) fn session_id_in<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Option<&'h str>, Ambiguous> {
        let mut found = cookies::values(headers, self.name);
        let first = found.next().map(|id| std::str::from_utf8(id).unwrap_or_default());
        if found.next().is_some() { Err(Ambiguous) } else { Ok(first) }
    }

    /// Whether the request has at least one session cookie.
    pub(crate) fn is_present_in(&self, headers: &HeaderMap) -> bool {
        self.session_id_in(headers) != Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::COOKIE;

    fn with(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        HeaderMap::from_iter(lines)
    }

    #[test]
    fn https_cookie_is_host_bound_and_http_only() {
        let cookies = Cookies::new(true);
        assert_eq!(
            cookies.set_value("abc"),
            "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            cookies.clear_value(),
            "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn http_cookie_is_http_only_and_same_site() {
        let cookies = Cookies::new(false);
        assert_eq!(
            cookies.set_value("abc"),
            "session=abc; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            cookies.clear_value(),
            "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn exactly_one_session_cookie_is_accepted() {
        let cookies = Cookies::new(false);
        let read = |lines: &[&str]| {
            cookies.session_id_in(&with(lines)).map(|found| found.map(str::to_owned))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["other=1; Session=2; __Host-session=3"]), Ok(None));
        assert_eq!(read(&["a=1;session=x==; b=2"]), Ok(Some("x==".to_owned())));
        assert_eq!(read(&["session=x; session=x"]), Err(Ambiguous));
        assert_eq!(read(&["session=x", "a=1; session=y"]), Err(Ambiguous));
        assert!(cookies.is_present_in(&with(&["session=x; session=y"])));
        assert!(!Cookies::new(true).is_present_in(&with(&["session=x"])));
    }
}
