//! The login: a password for a session id or a token, depending on the design.

use api_conformance::client::Client;
use api_conformance::outcome::{Outcome, Reply};
use api_conformance::proof::Proof;
use api_contract::Credentials;
use cluster::Design;

/// Exchanges a password for the credential of the design.
pub(crate) async fn log_in(
    client: &Client,
    design: Design,
    given: &Credentials,
) -> Outcome<Proof> {
    match design.has_sessions() {
        true => {
            let started = client.log_in_session(given).await;
            credential(started, |started| Proof::Session(started.session_id))
        }
        false => {
            let issued = client.token(given).await;
            credential(issued, |issued| Proof::Bearer(issued.access_token))
        }
    }
}

fn credential<T>(outcome: Outcome<T>, of: impl FnOnce(T) -> Proof) -> Outcome<Proof> {
    match outcome {
        Outcome::Done(Reply { status, headers, body }) => {
            Outcome::Done(Reply { status, headers, body: of(body) })
        }
        Outcome::Refused(reply) => Outcome::Refused(reply),
        Outcome::Broken(broken) => Outcome::Broken(broken),
    }
}
