//! The session's cookie: how it is written, how it is read.
//!
//! Over HTTPS its name begins with `__Host-`, which makes browsers refuse it from anybody
//! but this very host, over HTTPS, for all paths (RFC 6265bis §4.1.3.2; ASVS 3.3.3). A lab
//! on plain HTTP cannot have that.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// More than one cookie of the session's name: one of them is somebody else's work, and
/// which one cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// How the session's cookie is written.
#[derive(Clone, Debug)]
pub(crate) struct Cookies {
    name: &'static str,
    attributes: &'static str,
}

impl Cookies {
    /// For browsers that see this server under HTTPS, or not.
    pub(crate) const fn new(https: bool) -> Self {
        if https {
            let attributes = "Path=/; Secure; HttpOnly; SameSite=Lax";
            Self { name: "__Host-session", attributes }
        } else {
            Self { name: "session", attributes: "Path=/; HttpOnly; SameSite=Lax" }
        }
    }

    /// A cookie for the life of the browser; the server knows when the session is over.
    ///
    /// # Panics
    /// Never for a session id, which is base64url.
    pub(crate) fn carrying(&self, id: &str) -> HeaderValue {
        let Self { name, attributes } = self;
        let mut value = HeaderValue::from_str(&format!("{name}={id}; {attributes}"))
            .expect("a session id is a header value");
        value.set_sensitive(true);
        value
    }

    /// Takes the cookie away. A removal whose attributes differ would not do so.
    ///
    /// # Panics
    /// Never: both parts are constants.
    pub(crate) fn removed(&self) -> HeaderValue {
        let Self { name, attributes } = self;
        HeaderValue::from_str(&format!("{name}=; {attributes}; Max-Age=0"))
            .expect("constants are a header value")
    }

    /// The session's cookie, if there is exactly one.
    ///
    /// # Errors
    /// When there are more.
    pub(crate) fn session_in<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Option<&'h str>, Ambiguous> {
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value);
        let first = found.next();
        if found.next().is_some() { Err(Ambiguous) } else { Ok(first) }
    }

    /// Whether the session's cookie is there, be it once or more often.
    pub(crate) fn came_with(&self, headers: &HeaderMap) -> bool {
        self.session_in(headers) != Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        HeaderMap::from_iter(lines)
    }

    #[test]
    fn over_https_the_cookie_is_bound_to_this_host_and_hidden_from_scripts() {
        let cookies = Cookies::new(true);
        assert_eq!(
            cookies.carrying("abc"),
            "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            cookies.removed(),
            "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn over_plain_http_it_has_what_such_a_cookie_can_have() {
        let cookies = Cookies::new(false);
        assert_eq!(
            cookies.carrying("abc"),
            "session=abc; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            cookies.removed(),
            "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn exactly_one_cookie_of_the_name_is_read() {
        let cookies = Cookies::new(false);
        let read = |lines: &[&str]| {
            cookies.session_in(&with(lines)).map(|found| found.map(str::to_owned))
        };
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["other=1; Session=2; __Host-session=3"]), Ok(None));
        assert_eq!(read(&["a=1;session=x==; b=2"]), Ok(Some("x==".to_owned())));
        assert_eq!(read(&["session=x; session=x"]), Err(Ambiguous));
        assert_eq!(read(&["session=x", "a=1; session=y"]), Err(Ambiguous));
        assert!(cookies.came_with(&with(&["session=x; session=y"])));
        assert!(!Cookies::new(true).came_with(&with(&["session=x"])));
    }
}
