//! The login: a password for a session id or a token, depending on the design.

use api_contract::LoginRequest;
use client::{CallResult, Client, Credential, Reply};
use launcher::ServerKind;

/// Exchanges a password for the credential of the design.
pub(crate) async fn log_in(
    client: &Client,
    design: ServerKind,
    account: &LoginRequest,
) -> CallResult<Credential> {
    match design.has_sessions() {
        true => {
            let started = client.log_in_session(account).await;
            map_to_credential(started, |started| Credential::Session(started.session_id))
        }
        false => {
            let issued = client.token(account).await;
            map_to_credential(issued, |issued| Credential::Bearer(issued.access_token))
        }
    }
}

fn map_to_credential<T>(
    outcome: CallResult<T>,
    of: impl FnOnce(T) -> Credential,
) -> CallResult<Credential> {
    match outcome {
        CallResult::Done(Reply { status, headers, body }) => {
            CallResult::Done(Reply { status, headers, body: of(body) })
        }
        CallResult::Refused(reply) => CallResult::Refused(reply),
        CallResult::CallError(broken) => CallResult::CallError(broken),
    }
}
