//! Tokens: the proof comes with each request, and the server forgets.

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// `POST /api/token` → 200. The shape is OAuth 2.0's (RFC 6749 §5.1).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIssued {
    /// A signed JWT (RFC 7519). Whoever holds it is the user until it expires.
    pub access_token: Secret,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// Seconds until it expires. Nothing that the server does can shorten it.
    pub expires_in: u64,
}
