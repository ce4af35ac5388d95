//! What an access token says. Finished.

use crate::refresh::Session;
use crate::store;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The claims; their names are those of RFC 7519, but for `sid` and `ver`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// The session: all tokens that come from one login have the same.
    pub sid: String,
    /// The token itself: no two have the same.
    pub jti: String,
    /// The user's version when the session began.
    pub ver: u64,
    /// The end of the token, in seconds since 1970. RFC 7519 allows a fraction.
    exp: f64,
}

impl Claims {
    /// A new token's, for a session.
    pub fn new(session: &Session, life: Duration) -> Self {
        Self {
            sub: session.username.clone(),
            sid: session.sid.clone(),
            jti: store::random(),
            ver: session.version,
            exp: (now() + life).as_secs_f64(),
        }
    }

    /// The rest of the token's life; zero when it is over.
    pub fn remaining(&self) -> Duration {
        let end = Duration::try_from_secs_f64(self.exp).unwrap_or_default();
        end.saturating_sub(now())
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
