//! Tokens: the session state, signed and sent to the client instead of stored.
//!
//! A token is born at login and dies when it expires. It cannot be revoked before, because no
//! server stores it: every replica with the key accepts it, also one that has just started.

use anyhow::{Context, bail};
use api_contract::secret::Secret;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use upload_domain::incoming::now_ms;
use upload_domain::username::Username;

/// The minimum key length in bytes, that of the hash (RFC 7518 §3.2).
const KEY_BYTES: usize = 32;

/// Issuer and audience. Both are verified, so that a token of another service with the same key
/// is rejected (RFC 8725 §3.8, §3.9).
const ISSUER: &str = "stateless-server";
const AUDIENCE: &str = "upload-api";

/// The type of an access token, so that other kinds of JWT are rejected (RFC 9068).
const TYPE: &str = "at+jwt";

/// The allowed clock skew in seconds.
const LEEWAY_S: u64 = 2;

/// The properties of new tokens.
#[derive(Clone, Copy, Debug)]
pub struct TokenRules {
    /// The lifetime of a token, in whole seconds.
    pub life: Duration,
}

/// The claims of a token. They are readable without the key, but only the key can sign them.
#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Username,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
}

/// Why a token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// Valid, but expired.
    Expired,
    /// Any other reason. Details would help attackers only.
    Invalid,
}

/// The key and the rules. Clones share them.
#[derive(Clone)]
pub struct Tokens {
    signing: Arc<EncodingKey>,
    checking: Arc<DecodingKey>,
    validation: Arc<Validation>,
    rules: TokenRules,
}

impl Tokens {
    /// Reads the key from a file, or creates a random key.
    ///
    /// # Errors
    /// When the file cannot be read or the key is too short.
    pub fn open(key_file: Option<&Path>, rules: TokenRules) -> anyhow::Result<Self> {
        let Some(path) = key_file else {
            tracing::warn!(
                "no --token-key-file: a random key is used. Tokens end with this \
                 process, and other replicas do not accept them"
            );
            return Ok(Self::with_key(&random_key(), rules));
        };
        let key = std::fs::read(path).with_context(|| {
            format!(
                "cannot read the token key {}: check --token-key-file",
                path.display()
            )
        })?;
        if key.len() < KEY_BYTES {
            bail!(
                "the token key {} has {} bytes; HS256 needs {KEY_BYTES} or more \
                 (head -c 32 /dev/urandom > FILE)",
                path.display(),
                key.len()
            );
        }
        Ok(Self::with_key(&key, rules))
    }

    fn with_key(key: &[u8], rules: TokenRules) -> Self {
        Self {
            signing: Arc::new(EncodingKey::from_secret(key)),
            checking: Arc::new(DecodingKey::from_secret(key)),
            validation: Arc::new(strict_validation()),
            rules,
        }
    }

    /// Birth: signs a token. The server stores nothing.
    ///
    /// # Errors
    /// When signing fails, which does not happen with this kind of key.
    pub fn issue(
        &self,
        username: Username,
    ) -> Result<Secret, jsonwebtoken::errors::Error> {
        let now = now_ms() / 1000;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: username,
            iat: now,
            nbf: now,
            exp: now + self.rules.life.as_secs(),
            jti: uuid::Uuid::new_v4().to_string(),
        };
        let header =
            Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.signing).map(Secret::new)
    }

    /// Verifies a token and returns its account, without any lookup.
    ///
    /// # Errors
    /// When the token was not issued here, has expired, or is not valid yet.
    pub fn check(&self, token: &str) -> Result<Username, BadToken> {
        let decoded =
            jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation);
        let token = decoded.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => BadToken::Expired,
            _ => BadToken::Invalid,
        })?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(BadToken::Invalid);
        }
        Ok(token.claims.sub)
    }

    /// The lifetime of a new token in seconds.
    #[must_use]
    pub const fn life_seconds(&self) -> u64 {
        self.rules.life.as_secs()
    }
}

/// The defaults of the library check `exp` with a leeway of a minute, and other claims only if
/// they are present. Here the algorithm is fixed (RFC 8725 §3.1), and every claim is required.
fn strict_validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

fn random_key() -> [u8; KEY_BYTES] {
    let mut key = [0_u8; KEY_BYTES];
    getrandom::fill(&mut key).expect("the operating system's generator works");
    key
}

#[cfg(test)]
mod tests;
