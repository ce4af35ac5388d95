//! One's own account: another password, and out everywhere.

use crate::app::AppState;
use crate::change::{Change, change};
use crate::error::Error;
use crate::identity::Caller;
use crate::limits::ClientAddress;
use api_contract::Message;
use api_contract::people::PasswordChange;
use axum::Json;
use axum::extract::State;
use http_edge::json_body::JsonBody;
use upload_domain::passwords::MAX_PASSWORD;

/// NIST SP 800-63B-4 §3.1.1.2, for a password that is the only factor; in bytes.
const SHORTEST_PASSWORD: usize = 15;

/// `POST /api/account/password`: all proofs of the old one die, this one included.
pub(crate) async fn change_password(
    State(app): State<AppState>,
    caller: Caller,
    from: ClientAddress,
    JsonBody(given): JsonBody<PasswordChange>,
) -> Result<Json<Message>, Error> {
    let (current, new) = (given.current.expose(), given.new.expose());
    if !(SHORTEST_PASSWORD..=MAX_PASSWORD).contains(&new.len()) || new == current {
        return Err(Error::WeakPassword);
    }
    let username = caller.member.username.as_str();
    let (known, hash) =
        app.people.log_in_with_another(username, current, new, from).await?;
    let another = Change::Password { epoch: known.epoch, hash };
    change(&app, &caller, &caller.member.username, another).await?;
    Ok(Json(Message { message: "The password is changed. Log in again.".to_owned() }))
}

/// `POST /api/account/sign-out`
pub(crate) async fn sign_out(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Message>, Error> {
    change(&app, &caller, &caller.member.username, Change::SignOut).await?;
    Ok(Json(Message { message: "You are signed out everywhere.".to_owned() }))
}
