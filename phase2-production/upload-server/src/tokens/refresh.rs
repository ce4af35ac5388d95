//! Refresh tokens: a random number that is good for one new pair of tokens.
//!
//! Never a JWT: nothing can be read from it, nothing but the records knows it, and it
//! cannot be taken for an access token. Each use gives a successor; one that is used
//! again means that two hold it, and its family dies (RFC 9700 §4.14.2). For a short
//! grace the same successor is handed out again instead, on whatever replica: the answer
//! may have been lost, or two tabs may have asked at once.

use super::revocation::Ended;
use super::sealing::random;
use super::{TokenError, Tokens, signed};
use crate::audit::AuditContext;
use crate::clock::now;
use crate::config::proofs::TokenArgs;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use records::refresh::{self, Holder, NewFamily, Rotated, Rotation};
use records::{AnyConnection, Member, RecordsError, Scope};
use sha2::{Digest, Sha256};
use upload_domain::hex::hex;

/// Bytes of randomness: twice what OWASP ASVS 7.2.3 asks for.
const TOKEN_BYTES: usize = 32;

/// A refresh token as its holder has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(String);

impl RefreshToken {
    pub(crate) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::<TOKEN_BYTES>()))
    }

    /// Reads what a client sent. What this server cannot have made costs no lookup.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// What the records know it by: its SHA-256, so that whoever reads them can refresh
    /// nothing. It is random enough to need no salt.
    pub(crate) fn proof(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

/// How refresh tokens live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshRules {
    /// Milliseconds from the login to the end of the family.
    pub(crate) life: i64,
    /// Milliseconds in which a token may come twice.
    pub(crate) grace: i64,
    /// Tokens that a family may have.
    pub(crate) most: i64,
}

/// Tokens that a family may have besides those that its life takes.
const TO_SPARE: u64 = 1_000;

impl RefreshRules {
    /// A family has tokens for twice the refreshes that somebody needs who does it whenever
    /// an access token expires, and some to spare. `access_life_s` is how long those live.
    pub(crate) fn new(args: &TokenArgs, access_life_s: u64) -> Self {
        let needed = args.refresh_ttl_ms.div_ceil(access_life_s.max(1) * 1_000);
        Self {
            life: signed(args.refresh_ttl_ms),
            grace: signed(args.refresh_grace_ms),
            most: signed(needed.saturating_mul(2).saturating_add(TO_SPARE)),
        }
    }
}

/// What one refresh came to.
pub(crate) enum Refreshed {
    /// A pair for the holder: the successor, fresh or repeated.
    Next(Holder, RefreshToken),
    /// A theft, noticed now: the family is dead, and its access tokens are.
    Stolen(Holder, Ended),
}

/// Birth of a family, in the transaction of a login. The account may have changed since
/// the password was checked; then there is none.
///
/// # Errors
/// When the records do not answer.
pub(crate) async fn start(
    tx: &mut AnyConnection,
    member: &Member,
    epoch: i64,
    rules: RefreshRules,
    now_ms: i64,
) -> Result<Option<(String, RefreshToken)>, RecordsError> {
    let token = RefreshToken::new();
    let family = NewFamily {
        family: uuid::Uuid::new_v4().simple().to_string(),
        member: member.clone(),
        epoch,
        expires_at: now_ms.saturating_add(rules.life),
    };
    let started = refresh::start_family(tx, &family, &token.proof(), now_ms).await?;
    Ok(started.then_some((family.family, token)))
}

/// One token for the next. The successor is sealed into the row of its predecessor before
/// anybody knows whether it is needed, so that one transaction does it all.
///
/// # Errors
/// When the token is no longer good, or the records do not answer.
pub(crate) async fn rotate(
    tokens: &Tokens,
    token: &RefreshToken,
    audit: &AuditContext,
) -> Result<Refreshed, TokenError> {
    let (proof, next, inner) = (token.proof(), RefreshToken::new(), &tokens.0);
    let rotation = Rotation {
        proof: proof.clone(),
        new_proof: next.proof(),
        successor_sealed: inner.sealing.seal(&proof, next.0.as_bytes()),
        now: now(),
        grace_ms: inner.refresh.grace,
        most: inner.refresh.most,
    };
    let (tokens, audit) = (tokens.clone(), audit.clone());
    let rotated = inner.records.run(Scope::Proof(proof.clone()), move |tx| {
        Box::pin(async move {
            let rotated = refresh::rotate(tx, &rotation).await?;
            let ended = match &rotated {
                Rotated::Reused(holder) => tokens.write_theft(tx, holder, &audit).await?,
                _ => Ended::default(),
            };
            Ok((rotated, ended))
        })
    });
    let (rotated, ended) = rotated.await?;
    match rotated {
        Rotated::Rotated(holder) => Ok(Refreshed::Next(holder, next)),
        Rotated::Repeated(holder, sealed) => {
            let bytes = inner.sealing.unseal(&proof, &sealed);
            let bytes = bytes.map_err(TokenError::broken)?;
            let text = String::from_utf8(bytes).map_err(TokenError::broken)?;
            Ok(Refreshed::Next(holder, RefreshToken(text)))
        }
        Rotated::Reused(holder) => Ok(Refreshed::Stolen(holder, ended)),
        Rotated::Expired => Err(TokenError::Expired),
        Rotated::WornOut(holder) => {
            let (user, family) = (&holder.member.username, holder.family);
            tracing::warn!(%user, family, "a login was refreshed more often than it may");
            Err(TokenError::Expired)
        }
        Rotated::Revoked | Rotated::Unknown => Err(TokenError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::proofs::{Revocation, SigningAlgorithm};

    #[test]
    fn a_refresh_token_is_random_and_its_proof_does_not_give_it_away() {
        let (token, other) = (RefreshToken::new(), RefreshToken::new());
        assert!(token != other);
        assert_eq!(token.secret().expose().len(), 43);
        let read = RefreshToken::parse(token.secret().expose()).unwrap();
        assert_eq!(read.proof(), token.proof());
        assert_eq!(token.proof().len(), 64);
        assert_ne!(token.proof(), other.proof());
    }

    #[test]
    fn a_family_has_tokens_for_twice_its_life_and_some_to_spare() {
        let args = |token_ttl_ms, refresh_ttl_ms| TokenArgs {
            token_ttl_ms,
            refresh_ttl_ms,
            refresh_grace_ms: 0,
            signing_algorithm: SigningAlgorithm::Eddsa,
            revocation: Revocation::None,
            key_refresh_ms: 5_000,
        };
        let most = |args: TokenArgs, life_s| RefreshRules::new(&args, life_s).most;
        let week = 7 * 24 * 60 * 60 * 1_000;
        assert_eq!(most(args(900_000, week), 900), 1_000 + 2 * 672);
        assert_eq!(most(args(900_000, week), 60), 1_000 + 2 * 10_080, "short-lived");
    }

    #[test]
    fn what_this_server_cannot_have_made_is_no_refresh_token() {
        let long = "A".repeat(44);
        // Forty-three characters hold two bits too many, which must be zero.
        let spare = format!("{}B", "A".repeat(42));
        let padded = format!("{}=", "A".repeat(43));
        for text in ["", "a.b.c", &long, &spare, &padded, &"A".repeat(42)] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
        assert!(RefreshToken::parse(&"A".repeat(43)).is_some());
    }
}
