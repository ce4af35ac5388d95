//! Tokens: the client sends a signed token with each request; the server stores nothing.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// `POST /api/token` → 200. The shape is OAuth 2.0's (RFC 6749 §5.1).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenIssued {
    /// A signed JWT (RFC 7519). It is a bearer token: until it expires, any holder can act as
    /// the user.
    pub access_token: Secret,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// Seconds until it expires. In Phase 1 the server cannot revoke it before.
    pub expires_in: u64,
    /// Phase 2: valid for one `POST /api/token/refresh`, which returns its successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
}

/// `POST /api/token/refresh`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The latest refresh token of the family. If one is used twice, the whole token family is
    /// revoked, because one of the two clients has stolen it (RFC 9700 §4.14.2).
    pub refresh_token: Secret,
}

/// `POST /api/token/revoke` (RFC 7009, as JSON): of an access or a refresh token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The token to revoke. An unknown token counts as revoked.
    pub token: Secret,
}
