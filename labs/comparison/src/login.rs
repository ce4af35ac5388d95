//! Login in each design: a password is exchanged for a credential, and the credential's
//! size in every request.

use crate::contender::Contender;
use api_conformance::client::Client;
use api_conformance::outcome::{Outcome, Reply};
use api_conformance::proof::Proof;
use api_contract::Credentials;
use http::header::COOKIE;
use http::{HeaderName, HeaderValue};

/// Exchanges a password for the design's credential.
pub(crate) async fn log_in(
    client: &Client,
    contender: Contender,
    given: &Credentials,
) -> Outcome<Proof> {
    match contender.has_sessions() {
        true => {
            let started = client.log_in_session(given).await;
            proof(started, |started| Proof::Session(started.session_id))
        }
        false => {
            let issued = client.token(given).await;
            proof(issued, |issued| Proof::Bearer(issued.access_token))
        }
    }
}

fn proof<T>(outcome: Outcome<T>, of: impl FnOnce(T) -> Proof) -> Outcome<Proof> {
    match outcome {
        Outcome::Done(Reply { status, headers, body }) => {
            Outcome::Done(Reply { status, headers, body: of(body) })
        }
        Outcome::Refused(reply) => Outcome::Refused(reply),
        Outcome::Broken(broken) => Outcome::Broken(broken),
    }
}

/// The balancer's affinity cookie; its value is a replica's name.
const AFFINITY: &str = "lab_replica";

/// Bytes of the header lines with the credential and, if the design needs it, the affinity
/// cookie: names, values and HTTP/1.1 separators.
pub(crate) fn carried_bytes(
    client: &Client,
    contender: Contender,
    proof: &Proof,
) -> usize {
    let proof = proof.header().map_or(0, |(name, value)| line(&name, &value));
    let cookie = client.cookies().and_then(|jar| jar.get(AFFINITY));
    let cookie = cookie.filter(|_| contender.needs_cookie());
    let cookie = cookie
        .and_then(|value| HeaderValue::try_from(format!("{AFFINITY}={value}")).ok())
        .map_or(0, |value| line(&COOKIE, &value));
    proof + cookie
}

fn line(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + ": ".len() + value.len() + "\r\n".len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::secret::Secret;

    fn session() -> Proof {
        Proof::Session(Secret::new("x".repeat(43)))
    }

    #[test]
    fn session_id_size_is_its_header_line() {
        let client = Client::new("http://localhost");
        let bytes = carried_bytes(&client, Contender::Central, &session());
        let line = format!("x-session-id: {}\r\n", "x".repeat(43));
        assert_eq!(bytes, line.len());
    }

    #[test]
    fn only_sticky_needs_the_affinity_cookie() {
        let options =
            api_conformance::client::Options { keep_cookies: true, ..Default::default() };
        let client = Client::with("http://localhost", options);
        client.cookies().unwrap().set(AFFINITY, "r1");
        let central = carried_bytes(&client, Contender::Central, &session());
        let sticky = carried_bytes(&client, Contender::Sticky, &session());
        assert_eq!(sticky - central, "cookie: lab_replica=r1\r\n".len());
    }
}
