//! The cookies of one client, kept by hand: names, values, nothing else.
//!
//! A client here talks to one base URL, so domains and paths decide nothing. The cookie
//! that matters is a balancer's: it says which replica the client belongs to.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Remembered cookies. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Arc<Mutex<BTreeMap<String, String>>>,
    /// The only name that it takes; [`None`] for any.
    only: Option<&'static str>,
}

impl CookieJar {
    /// A jar for one cookie. With a balancer's alone, a client is brought back to its
    /// replica, and nothing but its proof says who it is.
    #[must_use]
    pub fn only(name: &'static str) -> Self {
        Self { only: Some(name), ..Self::default() }
    }

    /// Takes over what a reply sets, and forgets what it takes back.
    pub fn remember(&self, reply: &HeaderMap) {
        let lines = reply.get_all(SET_COOKIE).iter();
        for line in lines.filter_map(|line| line.to_str().ok()) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if self.only.is_some_and(|only| only != name.trim()) {
                continue;
            }
            if takes_back(attributes) {
                self.lock().remove(name.trim());
            } else {
                self.lock().insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    /// The value of one cookie.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    /// Sets a cookie as if a server had: to send a forged one.
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

fn takes_back(attributes: &str) -> bool {
    attributes
        .split(';')
        .any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(jar: &CookieJar, line: &'static str) {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_static(line));
        jar.remember(&headers);
    }

    #[test]
    fn a_cookie_is_sent_back_without_its_attributes_until_it_is_taken_back() {
        let jar = CookieJar::default();
        assert_eq!(jar.header(), None);
        set(&jar, "lab_replica=r2; Path=/; HttpOnly");
        set(&jar, "theme=dark");
        assert_eq!(jar.header().unwrap(), "lab_replica=r2; theme=dark");
        set(&jar, "lab_replica=; Max-Age=0");
        assert_eq!(jar.header().unwrap(), "theme=dark");
    }

    #[test]
    fn a_jar_for_one_cookie_takes_no_other() {
        let jar = CookieJar::only("lab_replica");
        set(&jar, "session=abc");
        set(&jar, "lab_replica=r2; Path=/");
        assert_eq!(jar.header().unwrap(), "lab_replica=r2");
    }
}
