//! Access tokens: what one says, how it is signed, and what is checked without asking
//! anybody.
//!
//! The claims are those of RFC 9068. Two more are there because somebody may want to end
//! the token before its time: `ver`, the version of the user that it was made for, and
//! `sid`, the chain of refresh tokens that it came with.

use super::BadToken;
use super::key_set::{KeySet, KnownKey};
use super::keys::SigningKey;
use api_contract::secret::Secret;
use jsonwebtoken::{Header, Validation};
use records::ends::CLOCKS_DIFFER_MS;
use records::{Member, OrgId, Role};
use serde::{Deserialize, Serialize};
use upload_domain::username::Username;

/// Who signs, and for whom. Both are checked, so that a token of some other service is
/// not taken for ours (RFC 8725 §3.8, §3.9), and a token of Phase 1 is not either.
pub(crate) const ISSUER: &str = "upload-server";
pub(crate) const AUDIENCE: &str = "upload-api";

/// The type of an access token, so that no other kind of JWT passes for one (RFC 9068).
const TYPE: &str = "at+jwt";

/// Seconds by which the clocks of two replicas that are ready may differ: what one of them
/// has just signed is good at the other.
pub(crate) const LEEWAY_S: u64 = 2;

const _: () = assert!(
    LEEWAY_S * 1_000 == CLOCKS_DIFFER_MS.unsigned_abs(),
    "a ready replica could refuse what another one has signed"
);

/// Bytes beyond which nothing is looked at. Ours have 400 to 900.
const LONGEST_TOKEN: usize = 4 * 1024;

/// What a token says. Anyone who holds it can read it; only the key can make it. The
/// types are strict: a time that is text or has a fraction is no time (CVE-2026-25537).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: Username,
    pub(crate) org: OrgId,
    pub(crate) role: Role,
    /// Version of the user: older ones die when it is raised.
    pub(crate) ver: i64,
    /// The family of refresh tokens that it came with.
    pub(crate) sid: String,
    pub(crate) jti: String,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
}

impl Claims {
    /// Whose token it is.
    pub(crate) fn member(&self) -> Member {
        let (organisation, username) = (self.org.clone(), self.sub.clone());
        Member { organisation, username, role: self.role }
    }
}

/// Signs what will be asked for.
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

/// Whether a token has to be good at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// It is shown as a proof.
    Now,
    /// It says only whose it is: it may have expired, and its key may have retired.
    Ever,
}

/// The key that a token names, by its name in our set and in no other way: a key that
/// comes along with the token, or a URL to fetch one from, is an attacker's (RFC 8725
/// §3.10). Parameters that must be understood are not (RFC 7515 §4.1.11).
///
/// # Errors
/// When it is not the header of a token of ours.
pub(crate) fn kid(token: &str) -> Result<String, BadToken> {
    if token.len() > LONGEST_TOKEN {
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

/// What the token says, if our key signed it and its time is `when`. Base64 has one spelling
/// here: padding, or spare bits that are not zero, make it another text and no token.
///
/// # Errors
/// When it is not one of ours, or not one now.
pub(crate) fn verify(
    token: &str,
    key: &KnownKey,
    when: When,
    now_ms: i64,
) -> Result<Claims, BadToken> {
    let read = jsonwebtoken::decode::<Claims>(token, &key.checking.key, &strict(key));
    let claims = read.map_err(|_not_ours| BadToken::Invalid)?.claims;
    let now = u64::try_from(now_ms / 1_000).unwrap_or_default();
    if claims.nbf > now.saturating_add(LEEWAY_S) {
        return Err(BadToken::Invalid);
    }
    if when == When::Now && claims.exp.saturating_add(LEEWAY_S) < now {
        return Err(BadToken::Expired);
    }
    Ok(claims)
}

/// As [`verify`], with the key that the token names.
///
/// # Errors
/// As there; `Ok(None)` when the set has no such key.
pub(crate) fn verify_with(
    token: &str,
    keys: &KeySet,
    when: When,
    now_ms: i64,
) -> Result<Option<Claims>, BadToken> {
    let kid = kid(token)?;
    let key = match when {
        When::Now => keys.checker(&kid, now_ms),
        When::Ever => keys.known(&kid),
    };
    match key {
        Some(key) => verify(token, key, when, now_ms).map(Some),
        None if keys.known(&kid).is_some() => Err(BadToken::Invalid),
        None => Ok(None),
    }
}

/// The library's defaults check `exp` with a minute of leeway, and the rest only when it
/// is there. Here every claim must be there, and the algorithm is the key's. The times are
/// compared by [`verify`], with this replica's clock: the library would ask the machine's.
fn strict(key: &KnownKey) -> Validation {
    let mut validation = Validation::new(key.checking.algorithm.jwt());
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

#[cfg(test)]
mod tests;
