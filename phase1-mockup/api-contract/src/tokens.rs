//! Tokens: the proof comes with each request, and the server forgets.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// `POST /api/token` → 200. The shape is OAuth 2.0's (RFC 6749 §5.1).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenIssued {
    /// A signed JWT (RFC 7519). Whoever holds it is the user until it expires.
    pub access_token: Secret,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// Seconds until it expires. In Phase 1 nothing that the server does can shorten it.
    pub expires_in: u64,
    /// Phase 2: good for one `POST /api/token/refresh`, which answers with its successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// `POST /api/token/refresh`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The latest one that was handed out. Using one twice ends the whole family, because
    /// one of the two users is a thief (RFC 9700 §4.14.2).
    pub refresh_token: Secret,
}

/// `POST /api/token/revoke` (RFC 7009, as JSON): of an access or a refresh token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The token that is to die. An unknown one is dead already.
    pub token: Secret,
}
