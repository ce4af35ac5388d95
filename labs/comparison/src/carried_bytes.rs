//! The size of a credential in every request.

use api_contract::design::Design;
use client::{Client, Credential};
use http::header::COOKIE;
use http::{HeaderName, HeaderValue};

/// The balancer's affinity cookie; its value is a replica's name.
const AFFINITY_COOKIE: &str = "lab_replica";

/// Bytes of the header lines with the credential and, if the design needs it, the affinity
/// cookie: names, values and HTTP/1.1 separators.
pub(crate) fn carried_bytes(
    client: &Client,
    design: Design,
    credential: &Credential,
) -> usize {
    let credential =
        credential.header().map_or(0, |(name, value)| header_line_bytes(&name, &value));
    let cookie = client.cookies().and_then(|jar| jar.get(AFFINITY_COOKIE));
    let cookie = cookie.filter(|_| design.needs_cookie());
    let cookie = cookie
        .and_then(|value| {
            HeaderValue::try_from(format!("{AFFINITY_COOKIE}={value}")).ok()
        })
        .map_or(0, |value| header_line_bytes(&COOKIE, &value));
    credential + cookie
}

fn header_line_bytes(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::secret::Secret;

    fn session() -> Credential {
        Credential::Session(Secret::new("x".repeat(43)))
    }

    #[test]
    fn session_id_size_is_its_header_line() {
        let client = Client::new("http://localhost");
        let bytes = carried_bytes(&client, Design::Central, &session());
        let line = format!("x-session-id: {}\r\n", "x".repeat(43));
        assert_eq!(bytes, line.len());
    }

    #[test]
    fn only_sticky_needs_the_affinity_cookie() {
        let options = client::Options { keep_cookies: true, ..Default::default() };
        let client = Client::with("http://localhost", options);
        client.cookies().unwrap().set(AFFINITY_COOKIE, "r1");
        let central = carried_bytes(&client, Design::Central, &session());
        let sticky = carried_bytes(&client, Design::Sticky, &session());
        assert_eq!(sticky - central, "cookie: lab_replica=r1\r\n".len());
    }
}
