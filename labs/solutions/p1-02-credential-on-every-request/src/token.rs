//! Tokens: signed statements that the client stores instead of the server. The format is
//! a compact JSON Web Signature (RFC 7515 §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

/// The only algorithm, for signing and verifying.
const ALGORITHM: &str = "HS256";

/// The claims of a token. Every holder of the token can read them.
#[derive(Debug, Deserialize, Serialize)]
pub struct Claims {
    /// The user's name (subject).
    pub sub: String,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Time of issue, in seconds since 1970.
    pub iat: u64,
    /// Expiry, in seconds since 1970.
    pub exp: u64,
}

/// The header fields that matter for verification.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    /// Extensions that a verifier must understand (RFC 7515 §4.1.11). This one
    /// understands none.
    crit: Option<Value>,
}

/// Creates a token with these claims.
pub fn sign(claims: &Claims, key: &[u8]) -> String {
    let header = encoded(&json!({ "alg": ALGORITHM, "typ": "JWT" }));
    let signed = format!("{header}.{}", encoded(claims));
    let signature = mac(&signed, key).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of the token, if the key has signed it. The signature is checked first:
/// before that, every byte may come from an attacker.
pub fn verify(token: &str, key: &[u8]) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    // Compares in constant time.
    mac(signed, key).verify_slice(&signature).ok()?;
    let header: Header = decoded(header)?;
    // The verifier chooses the algorithm, not the token (RFC 8725 §3.1).
    if header.alg != ALGORITHM || header.crit.is_some() {
        return None;
    }
    decoded(claims)
}

/// Covers the header, too, because it describes how to read the rest.
fn mac(signed: &str, key: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::new_from_slice(key).expect("a key of any length will do");
    Mac::chain_update(mac, signed.as_bytes())
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("this is JSON"))
}

fn decoded<T: for<'a> Deserialize<'a>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
