//! The claims of an access token. This file is finished.

use crate::refresh::Session;
use crate::store;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The claims. Their names are from RFC 7519, except for `sid` and `ver`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user's name (subject).
    pub sub: String,
    /// The session's id, which is the same for all tokens of one login.
    pub sid: String,
    /// The token's unique id.
    pub jti: String,
    /// The user's version at the login.
    pub ver: u64,
    /// The expiry, in seconds since 1970. RFC 7519 allows a fraction.
    exp: f64,
}

impl Claims {
    /// The claims of a new token for a session.
    pub fn new(session: &Session, life: Duration) -> Self {
        Self {
            sub: session.username.clone(),
            sid: session.sid.clone(),
            jti: store::random(),
            ver: session.version,
            exp: (now() + life).as_secs_f64(),
        }
    }

    /// The remaining lifetime; zero after the expiry.
    pub fn remaining(&self) -> Duration {
        let end = Duration::try_from_secs_f64(self.exp).unwrap_or_default();
        end.saturating_sub(now())
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
