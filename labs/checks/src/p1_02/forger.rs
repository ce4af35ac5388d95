//! Parses, modifies and signs tokens, with or without the right key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use grader::CheckError;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

/// A parsed token.
pub(super) struct Parts {
    pub(super) header: Value,
    pub(super) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Parts {
    /// Parses a token that the program issued.
    pub(super) fn of(token: &str) -> Result<Self, CheckError> {
        Self::read(token).ok_or_else(|| {
            let help = "header, claims and signature, each in base64url without padding, \
                        separated by dots (RFC 7515 §7.1)";
            let expected = "a token of three parts, the first two of them JSON objects";
            CheckError::failed(expected, token, help)
        })
    }

    fn read(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part| {
            let value: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn is_signed_with(&self, key: &[u8]) -> bool {
        self.signature == hs256(&self.signed, key)
    }

    /// The value of a time claim, in seconds since 1970.
    pub(super) fn seconds(&self, claim: &str) -> Result<u64, CheckError> {
        let seconds = self.claims[claim].as_u64();
        seconds.ok_or_else(|| {
            let help = "a JSON number: seconds since 1970 (RFC 7519 §2, NumericDate)";
            let actual = format!("\"{claim}\":{}", self.claims[claim]);
            CheckError::failed(
                format!("a whole number of seconds in {claim}"),
                actual,
                help,
            )
        })
    }
}

/// Creates tokens with the header and claims of a genuine token, apart from the changed
/// values.
#[derive(Clone)]
pub(super) struct Forger {
    pub(super) header: Value,
    pub(super) claims: Value,
    key: Vec<u8>,
}

impl Forger {
    pub(super) fn like(token: &str, key: &str) -> Result<Self, CheckError> {
        let Parts { header, claims, .. } = Parts::of(token)?;
        Ok(Self { header, claims, key: key.as_bytes().to_vec() })
    }

    /// The token, signed with the right key.
    pub(super) fn token(&self) -> String {
        self.signed_with(&self.key)
    }

    /// The token, signed with another key.
    pub(super) fn signed_with(&self, key: &[u8]) -> String {
        let signed = self.unsigned();
        with_signature(&signed, &hs256(&signed, key))
    }

    /// The token, signed with the right key and HMAC-SHA512.
    pub(super) fn with_sha512(&self) -> String {
        let signed = self.unsigned();
        let mac = Hmac::<Sha512>::new_from_slice(&self.key).expect("any key will do");
        let mac = mac.chain_update(&signed).finalize().into_bytes();
        with_signature(&signed, &mac)
    }

    /// The first two parts of the token.
    pub(super) fn unsigned(&self) -> String {
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", encoded(&self.header), encoded(&self.claims))
    }

    /// The program's header with any claims, signed with the right key.
    pub(super) fn around(&self, claims: &[u8]) -> String {
        let header = URL_SAFE_NO_PAD.encode(self.header.to_string());
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        with_signature(&signed, &hs256(&signed, &self.key))
    }

    /// The signature of any text.
    pub(super) fn signature_of(&self, text: &str) -> Vec<u8> {
        hs256(text, &self.key)
    }
}

pub(super) fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(text: &str, key: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// Encodings and hashes of a secret: hex, base64, reversed, SHA-256.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let hash = Sha256::digest(secret).to_vec();
    let ways = |bytes: &[u8]| {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let padded = STANDARD.encode(bytes);
        [hex, padded, URL_SAFE_NO_PAD.encode(bytes)]
    };
    let mut all = vec![secret.to_owned(), secret.chars().rev().collect()];
    all.extend(ways(secret.as_bytes()));
    all.extend(ways(&hash));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.1.
    const EXAMPLE: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    const KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    #[test]
    fn rfc_7515_example_token_is_parsed_and_verified() {
        let parts = Parts::read(EXAMPLE).expect("three parts");
        assert_eq!(
            (&parts.header["alg"], &parts.claims["iss"]),
            (&"HS256".into(), &"joe".into())
        );
        let key = URL_SAFE_NO_PAD.decode(KEY).expect("a key");
        assert!(parts.is_signed_with(&key));
        assert!(!parts.is_signed_with(b"another key"));
    }

    #[test]
    fn forged_token_with_the_right_key_is_valid() {
        let forger = Forger::like(EXAMPLE, "a key").expect("three parts");
        assert!(Parts::read(&forger.token()).is_some_and(|p| p.is_signed_with(b"a key")));
        assert!(
            Parts::read(&forger.signed_with(b"b"))
                .is_some_and(|p| !p.is_signed_with(b"a key"))
        );
    }

    #[test]
    fn encoded_password_is_detected() {
        let token = r#"{"p":"Y29ycmVjdC1ob3JzZQ"}"#;
        assert!(spellings("correct-horse").iter().any(|way| token.contains(way)));
        assert!(!spellings("battery-staple").iter().any(|way| token.contains(way)));
    }
}
