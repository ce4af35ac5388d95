//! Access tokens: claims, signing, and verification without a store.
//!
//! The claims are those of RFC 9068. Two more make revocation possible: `ver`, the
//! account's version at issue, and `sid`, the family of refresh tokens.

use super::BadToken;
use super::key_set::{KeySet, KnownKey};
use super::keys::SigningKey;
use api_contract::secret::Secret;
use jsonwebtoken::{Header, Validation};
use records::revocations::MAX_REPLICA_CLOCK_SKEW_MS;
use records::{Member, OrgId, Role};
use serde::{Deserialize, Serialize};
use upload_domain::username::Username;

/// Issuer and audience. Both are verified, so that tokens of other services (RFC 8725
/// §3.8, §3.9) and of Phase 1 are refused.
pub(crate) const ISSUER: &str = "upload-server";
pub(crate) const AUDIENCE: &str = "upload-api";

/// Type of an access token (RFC 9068). Other kinds of JWT are refused.
const TYPE: &str = "at+jwt";

/// Leeway in seconds: the largest clock difference between two ready replicas. A token
/// that one has just signed is valid on the other.
pub(crate) const LEEWAY_S: u64 = 2;

const _: () = assert!(
    LEEWAY_S * 1_000 == MAX_REPLICA_CLOCK_SKEW_MS.unsigned_abs(),
    "a ready replica could reject tokens that another one has just signed"
);

/// Largest token in bytes. Ours have 400 to 900.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// Claims of a token. The holder can read them; only the key's owner can sign them. The
/// types are strict: a time must be an integer (CVE-2026-25537).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: Username,
    pub(crate) org: OrgId,
    pub(crate) role: Role,
    /// Version of the account: tokens of older versions are revoked.
    pub(crate) ver: i64,
    /// The family of refresh tokens that the token belongs to.
    pub(crate) sid: String,
    pub(crate) jti: String,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
}

impl Claims {
    /// The token's owner.
    pub(crate) fn member(&self) -> Member {
        let (organisation, username) = (self.org.clone(), self.sub.clone());
        Member { organisation, username, role: self.role }
    }
}

/// Signs the claims.
///
/// # Errors
/// When the library cannot use the key.
pub(crate) fn sign(
    claims: &Claims,
    key: &SigningKey,
) -> Result<Secret, jsonwebtoken::errors::Error> {
    let header = Header {
        typ: Some(TYPE.to_owned()),
        kid: Some(key.kid.clone()),
        ..Header::new(key.algorithm.jwt())
    };
    jsonwebtoken::encode(&header, claims, &key.key).map(Secret::new)
}

/// Which tokens pass the check of times and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Unexpired ones, signed by a key in use: the token authenticates a request.
    Current,
    /// Expired ones and those of retired keys as well: the token only identifies its
    /// owner.
    Any,
}

/// The key id in a token's header. The key is looked up only in our own set; a key or key
/// URL inside the token is an attacker's (RFC 8725 §3.10). Critical parameters are
/// refused (RFC 7515 §4.1.11).
///
/// # Errors
/// When the header is not that of an access token.
pub(crate) fn kid(token: &str) -> Result<String, BadToken> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(BadToken::Invalid);
    }
    let header =
        jsonwebtoken::decode_header(token).map_err(|_no_header| BadToken::Invalid)?;
    let brings_a_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some();
    if brings_a_key || header.crit.is_some() || header.typ.as_deref() != Some(TYPE) {
        return Err(BadToken::Invalid);
    }
    header.kid.ok_or(BadToken::Invalid)
}

/// The claims, if our key signed the token and its times pass. Base64 must be canonical:
/// padding or spare bits make the token invalid.
///
/// # Errors
/// When the token is invalid or expired.
pub(crate) fn verify(
    token: &str,
    key: &KnownKey,
    validity: Validity,
    now_ms: i64,
) -> Result<Claims, BadToken> {
    let read = jsonwebtoken::decode::<Claims>(token, &key.verifying.key, &strict(key));
    let claims = read.map_err(|_not_ours| BadToken::Invalid)?.claims;
    let now = u64::try_from(now_ms / 1_000).unwrap_or_default();
    if claims.nbf > now.saturating_add(LEEWAY_S) {
        return Err(BadToken::Invalid);
    }
    if validity == Validity::Current && claims.exp.saturating_add(LEEWAY_S) < now {
        return Err(BadToken::Expired);
    }
    Ok(claims)
}

/// As [`verify`], with the key that the token's header names.
///
/// # Errors
/// As there; `Ok(None)` when the set has no such key.
pub(crate) fn verify_with(
    token: &str,
    keys: &KeySet,
    validity: Validity,
    now_ms: i64,
) -> Result<Option<Claims>, BadToken> {
    let kid = kid(token)?;
    let key = match validity {
        Validity::Current => keys.verifier(&kid, now_ms),
        Validity::Any => keys.known(&kid),
    };
    match key {
        Some(key) => verify(token, key, validity, now_ms).map(Some),
        None if keys.known(&kid).is_some() => Err(BadToken::Invalid),
        None => Ok(None),
    }
}

/// Strict validation. The library's defaults check `exp` with a minute of leeway and
/// other claims only if present. Here every claim is required, and the algorithm is the
/// key's. [`verify`] compares the times with this replica's clock, because the library
/// would use the machine's.
fn strict(key: &KnownKey) -> Validation {
    let mut validation = Validation::new(key.verifying.algorithm.jwt());
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

#[cfg(test)]
mod tests;
