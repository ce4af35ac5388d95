//! The cookie jar of a client: names and values only.
//!
//! A client has one base URL, so domains and paths do not matter. The important cookie is the
//! session affinity cookie of a balancer.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Stored cookies. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
    /// The only cookie that is stored; [`None`] for all.
    only: Option<&'static str>,
}

impl CookieJar {
    /// A jar for one cookie. With only the cookie of a balancer, a client is routed to its
    /// replica but authenticated by its credential alone.
    #[must_use]
    pub fn only(name: &'static str) -> Self {
        Self { only: Some(name), ..Self::default() }
    }

    /// Stores the cookies that a reply sets, and removes those that it deletes.
    pub fn store(&self, reply: &HeaderMap) {
        for cookie in set_cookies(reply) {
            if self.only.is_some_and(|only| only != cookie.name) {
                continue;
            }
            if cookie.is_deleted {
                self.lock().remove(cookie.name);
            } else {
                self.lock().insert(cookie.name.to_owned(), cookie.value.to_owned());
            }
        }
    }

    /// The value of one cookie.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    /// Stores a cookie, for example a forged one.
    pub fn set(&self, name: &str, value: &str) {
        self.lock().insert(name.to_owned(), value.to_owned());
    }

    /// The `Cookie` header of the next request.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let cookies = self.lock();
        let pairs: Vec<_> =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            return None;
        }
        HeaderValue::try_from(pairs.join("; ")).ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A cookie that a reply sets or deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetCookie<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: &'a str,
    /// Whether the client must remove it: its maximum age is not positive.
    pub is_deleted: bool,
}

/// The cookies that a reply sets or deletes, in its order.
pub fn set_cookies(reply: &HeaderMap) -> impl Iterator<Item = SetCookie<'_>> {
    let lines = reply.get_all(SET_COOKIE).iter();
    lines.filter_map(|line| {
        let line = line.to_str().ok()?;
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=')?;
        let is_deleted = attributes.split(';').any(is_past_max_age);
        Some(SetCookie { name: name.trim(), value: value.trim(), is_deleted })
    })
}

fn is_past_max_age(attribute: &str) -> bool {
    attribute.split_once('=').is_some_and(|(name, seconds)| {
        name.trim().eq_ignore_ascii_case("max-age")
            && seconds.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(jar: &CookieJar, line: &'static str) {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_static(line));
        jar.store(&headers);
    }

    #[test]
    fn cookie_is_sent_until_it_is_deleted() {
        let jar = CookieJar::default();
        assert_eq!(jar.header(), None);
        set(&jar, "lab_replica=r2; Path=/; HttpOnly");
        set(&jar, "theme=dark");
        assert_eq!(jar.header().unwrap(), "lab_replica=r2; theme=dark");
        set(&jar, "lab_replica=; Max-Age=0");
        assert_eq!(jar.header().unwrap(), "theme=dark");
    }

    #[test]
    fn single_cookie_jar_ignores_other_cookies() {
        let jar = CookieJar::only("lab_replica");
        set(&jar, "session=abc");
        set(&jar, "lab_replica=r2; Path=/");
        assert_eq!(jar.header().unwrap(), "lab_replica=r2");
    }
}
