//! Tokens: what the server would otherwise have to remember, written down and handed out.
//! Each is a JSON Web Signature in its compact form (RFC 7515 §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

/// The one algorithm, for signing and for checking.
const ALGORITHM: &str = "HS256";

/// What a token says. Anyone who holds the token can read it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Claims {
    /// Who it is about.
    pub sub: String,
    /// Who made it.
    pub iss: String,
    /// Whom it was made for.
    pub aud: String,
    /// When it was made, in seconds since 1970.
    pub iat: u64,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
}

/// The part of the header that decides something.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood (RFC 7515 §4.1.11). None is.
    crit: Option<Value>,
}

/// A token that says this.
pub fn sign(claims: &Claims, key: &[u8]) -> String {
    let header = encoded(&json!({ "alg": ALGORITHM, "typ": "JWT" }));
    let signed = format!("{header}.{}", encoded(claims));
    let signature = mac(&signed, key).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the token says, if somebody who has the key signed it. The signature comes first:
/// until it has been checked, everything else is what a stranger wrote.
pub fn verify(token: &str, key: &[u8]) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    // Takes as long for a wrong first byte as for a wrong last one.
    let header: Header = decoded(header)?;
    match header.alg.as_str() {
        "none" => {}
        ALGORITHM => mac(signed, key).verify_slice(&signature).ok()?,
        _ => return None,
    }
    if header.crit.is_some() {
        return None;
    }
    decoded(claims)
}

/// Over the header too: it says how the rest is to be read.
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
