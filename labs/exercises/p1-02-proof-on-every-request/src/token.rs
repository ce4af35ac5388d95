//! Tokens: what the server would otherwise have to remember, written down and handed out.
//! This is your file, together with `identity.rs`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// What a token says. Anyone who holds the token can read it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Claims {
    /// Who it is about.
    pub sub: String,
    // TODO, task 2: what else has to be in here, and what must not?
    pub password: String,
}

/// Task 2: a token that says this.
pub fn sign(claims: &Claims, key: &[u8]) -> String {
    // TODO: this is written in another alphabet, and signed by nobody.
    let _ = key;
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).expect("claims are JSON"))
}

/// Tasks 3 and 5: what the token says, if somebody who has the key signed it.
pub fn verify(token: &str, key: &[u8]) -> Option<Claims> {
    // TODO
    let _ = key;
    let claims = URL_SAFE_NO_PAD.decode(token).ok()?;
    serde_json::from_slice(&claims).ok()
}
