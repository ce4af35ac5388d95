//! Tokens: what this server would otherwise have to remember, signed and handed out.
//!
//! A token is born at login and dies when its time is up. In between nobody can end it,
//! because nobody remembers it: every replica with the key accepts it, and so does a
//! server that was started a second ago.

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

/// The shortest key, in bytes: that of the hash (RFC 7518 §3.2).
const KEY_BYTES: usize = 32;

/// Who signs, and for whom. Both are checked, so that a token of some other service
/// that shares the key is not taken for ours (RFC 8725 §3.8, §3.9).
const ISSUER: &str = "stateless-server";
const AUDIENCE: &str = "upload-api";

/// The type of an access token, so that no other kind of JWT passes for one (RFC 9068).
const TYPE: &str = "at+jwt";

/// Seconds by which two machines' clocks may differ.
const LEEWAY_S: u64 = 2;

/// How tokens are made.
#[derive(Clone, Copy, Debug)]
pub struct TokenRules {
    /// Age at which a token dies; whole seconds.
    pub life: Duration,
}

/// What a token says. Anyone who holds it can read it; only the key can make it.
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

/// Why a token is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// Genuine, and its time is up.
    Expired,
    /// Anything else. Which check failed helps only whoever forges tokens.
    Invalid,
}

/// The key and the rules. Clones share them; there is nothing else to share.
#[derive(Clone)]
pub struct Tokens {
    signing: Arc<EncodingKey>,
    checking: Arc<DecodingKey>,
    validation: Arc<Validation>,
    rules: TokenRules,
}

impl Tokens {
    /// Tokens signed with the key in a file, or with a random one.
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

    /// Birth: signs what will be asked for, and forgets it.
    ///
    /// # Errors
    /// When signing fails, which with this kind of key it does not.
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

    /// Who is calling. Nothing is looked up: the signature is the memory.
    ///
    /// # Errors
    /// When the token is not one of ours, or not one now.
    pub fn check(&self, token: &str) -> Result<Username, BadToken> {
        let read =
            jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation);
        let token = read.map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => BadToken::Expired,
            _ => BadToken::Invalid,
        })?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(BadToken::Invalid);
        }
        Ok(token.claims.sub)
    }

    /// Seconds that a new token lives.
    #[must_use]
    pub const fn life_seconds(&self) -> u64 {
        self.rules.life.as_secs()
    }
}

/// The library's defaults check `exp` with a minute of leeway, and the rest only when it
/// is there. Here the algorithm is ours and not the token's to choose (RFC 8725 §3.1),
/// and every claim must be there.
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
