//! Login. There is no logout, because the server stores no session that could end.

use crate::error::Error;
use crate::state::AppState;
use api_contract::LoginRequest;
use api_contract::tokens::TokenIssued;
use axum::Json;
use axum::extract::State;
use http_edge::json_body::JsonBody;

/// `POST /api/token`
pub(crate) async fn start(
    State(app): State<AppState>,
    JsonBody(request): JsonBody<LoginRequest>,
) -> Result<Json<TokenIssued>, Error> {
    let username =
        app.accounts.log_in(&request.username, request.password.expose()).await?;
    let access_token = app.tokens.issue(username).map_err(Error::Sign)?;
    let expires_in = app.tokens.life_seconds();
    let token_type = "Bearer".to_owned();
    Ok(Json(TokenIssued { access_token, token_type, expires_in, refresh_token: None }))
}
