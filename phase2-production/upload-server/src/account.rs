//! The caller's own account: change the password, sign out everywhere.

use crate::account_change::{AccountChange, apply};
use crate::error::Error;
use crate::identity::Caller;
use crate::limits::ClientAddress;
use crate::state::AppState;
use api_contract::Message;
use api_contract::accounts::PasswordChange;
use axum::Json;
use axum::extract::State;
use http_edge::json_body::JsonBody;
use upload_domain::passwords::MAX_PASSWORD;

/// Shortest new password in bytes (NIST SP 800-63B-4 §3.1.1.2, password as the only
/// factor).
const MIN_PASSWORD_BYTES: usize = 15;

/// `POST /api/account/password`: revokes every session and token of the account,
/// including the credential of this request.
pub(crate) async fn change_password(
    State(app): State<AppState>,
    caller: Caller,
    from: ClientAddress,
    JsonBody(given): JsonBody<PasswordChange>,
) -> Result<Json<Message>, Error> {
    let (current, new) = (given.current.expose(), given.new.expose());
    if !(MIN_PASSWORD_BYTES..=MAX_PASSWORD).contains(&new.len()) || new == current {
        return Err(Error::WeakPassword);
    }
    let username = caller.member.username.as_str();
    let (known, hash) =
        app.accounts.log_in_and_hash(username, current, new, from).await?;
    let change = AccountChange::Password { epoch: known.epoch, hash };
    apply(&app, &caller, &caller.member.username, vec![change]).await?;
    Ok(Json(Message { message: "The password is changed. Log in again.".to_owned() }))
}

/// `POST /api/account/sign-out`: revokes every session and token of the account.
pub(crate) async fn sign_out(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<Message>, Error> {
    let change = vec![AccountChange::SignOut];
    apply(&app, &caller, &caller.member.username, change).await?;
    Ok(Json(Message { message: "You are signed out everywhere.".to_owned() }))
}
