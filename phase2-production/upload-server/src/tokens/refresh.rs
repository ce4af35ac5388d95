//! Refresh tokens: random numbers that can be exchanged for one new pair of tokens.
//!
//! A refresh token is not a JWT: it contains no data, only the database knows it, and it
//! cannot pass for an access token. Each use returns a successor. A second use means that
//! two clients hold the token, so its family is revoked (RFC 9700 §4.14.2). Within a
//! short grace the same successor is returned again, on any replica, because a reply may
//! be lost or two tabs may refresh at once.

use super::revocation::RevokedNames;
use super::sealing::{CannotUnseal, random};
use super::{TokenError, Tokens, signed};
use crate::audit::AuditContext;
use crate::clock::now;
use crate::config::credentials::TokenArgs;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use records::refresh::{self, Holder, NewFamily, Rotated, Rotation};
use records::users::SignedOut;
use records::{AnyConnection, Member, RecordsError, Scope};
use sha2::{Digest, Sha256};
use upload_domain::hex::hex;

/// Random bytes: twice the minimum of OWASP ASVS 7.2.3.
const TOKEN_BYTES: usize = 32;

/// A refresh token as the client holds it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken(String);

impl RefreshToken {
    pub(crate) fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::<TOKEN_BYTES>()))
    }

    /// Parses a token from a client. A malformed one costs no lookup.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }

    /// Hash that the database stores (SHA-256), so that a leaked database contains no
    /// usable token. The token is random enough to need no salt.
    pub(crate) fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

/// Limits of refresh tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshRules {
    /// Milliseconds from the login to the end of the family.
    pub(crate) life: i64,
    /// Milliseconds in which a token may be repeated.
    pub(crate) grace: i64,
    /// Tokens that a family may have.
    pub(crate) max_tokens: i64,
    /// Live families that an account may have.
    pub(crate) max_families: i64,
}

/// Tokens that a family may have beyond the expected number.
const SPARE_TOKENS: u64 = 1_000;

impl RefreshRules {
    /// A family may have twice the tokens of a client that refreshes whenever an access
    /// token expires, plus a reserve. `access_ttl_s` is the lifetime of access tokens in
    /// seconds.
    pub(crate) fn new(args: &TokenArgs, access_ttl_s: u64, max_families: u32) -> Self {
        let needed = args.refresh_ttl_ms.div_ceil(access_ttl_s.max(1) * 1_000);
        Self {
            life: signed(args.refresh_ttl_ms),
            grace: signed(args.refresh_grace_ms),
            max_tokens: signed(needed.saturating_mul(2).saturating_add(SPARE_TOKENS)),
            max_families: i64::from(max_families),
        }
    }
}

/// Result of a refresh.
pub(crate) enum Refreshed {
    /// The successor, new or repeated.
    Next(Holder, RefreshToken),
    /// Reuse detected: the family and its access tokens are revoked.
    Reused(Holder, (RevokedNames, Option<SignedOut>)),
}

/// A new family, its first token, and the families that it ended.
type Begun = ((String, RefreshToken), Vec<String>);

/// Birth of a family, in the transaction of a login. Returns the ids of the families that
/// it ended as well. `None` if the account changed since the password was checked.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn start(
    tx: &mut AnyConnection,
    member: &Member,
    epoch: i64,
    rules: RefreshRules,
    now_ms: i64,
) -> Result<Option<Begun>, RecordsError> {
    let token = RefreshToken::new();
    let family = NewFamily {
        family: uuid::Uuid::new_v4().simple().to_string(),
        member: member.clone(),
        epoch,
        expires_at: now_ms.saturating_add(rules.life),
    };
    let most = rules.max_families;
    let ended = refresh::start_family(tx, &family, &token.hash(), most, now_ms).await?;
    Ok(ended.map(|ended| ((family.family, token), ended)))
}

/// Exchanges one token for the next. The successor is always sealed into the row of its
/// predecessor, so that one transaction is enough.
///
/// # Errors
/// When the token is not valid, or the database does not answer.
pub(crate) async fn rotate(
    tokens: &Tokens,
    token: &RefreshToken,
    audit: &AuditContext,
) -> Result<Refreshed, TokenError> {
    let (token_hash, next, inner) = (token.hash(), RefreshToken::new(), &tokens.0);
    let mut rotation = Rotation {
        token_hash: token_hash.clone(),
        new_token_hash: next.hash(),
        successor_sealed: inner.sealing.seal(&token_hash, next.0.as_bytes()),
        now: now(),
        grace_ms: inner.refresh.grace,
        max_tokens: inner.refresh.max_tokens,
    };
    let (tokens, audit) = (tokens.clone(), audit.clone());
    let scope = Scope::CredentialHash(token_hash.clone());
    let rotated = inner.records.run(scope, move |tx| {
        Box::pin(async move {
            // A wrong clock of this replica must not make a repetition look like a theft.
            rotation.now = records::clock::now(tx).await?;
            let rotated = refresh::rotate(tx, &rotation).await?;
            let names = match &rotated {
                Rotated::Reused(holder) => tokens.write_reuse(tx, holder, &audit).await?,
                _ => (RevokedNames::default(), None),
            };
            Ok((rotated, names))
        })
    });
    let (rotated, names) = rotated.await?;
    match rotated {
        Rotated::Rotated(holder) => Ok(Refreshed::Next(holder, next)),
        Rotated::Repeated(holder, sealed) => {
            let sealed = inner.sealing.unseal(&token_hash, &sealed);
            unsealed(sealed).map(|next| Refreshed::Next(holder, next))
        }
        Rotated::Reused(holder) => Ok(Refreshed::Reused(holder, names)),
        Rotated::Expired => Err(TokenError::Expired),
        Rotated::Exhausted(holder) => {
            let (user, family) = (&holder.member.username, holder.family);
            tracing::warn!(%user, family, "a login exceeded its number of refreshes");
            Err(TokenError::Expired)
        }
        Rotated::Revoked | Rotated::Unknown => Err(TokenError::Invalid),
    }
}

fn unsealed(bytes: Result<Vec<u8>, CannotUnseal>) -> Result<RefreshToken, TokenError> {
    let bytes = bytes.map_err(TokenError::broken)?;
    String::from_utf8(bytes).map(RefreshToken).map_err(TokenError::broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credentials::{Revocation, SigningAlgorithm};

    #[test]
    fn refresh_token_is_random_and_differs_from_its_hash() {
        let (token, other) = (RefreshToken::new(), RefreshToken::new());
        assert!(token != other);
        assert_eq!(token.secret().expose().len(), 43);
        let read = RefreshToken::parse(token.secret().expose()).unwrap();
        assert_eq!(read.hash(), token.hash());
        assert_eq!(token.hash().len(), 64);
        assert_ne!(token.hash(), other.hash());
    }

    #[test]
    fn family_limit_is_twice_the_expected_refreshes_plus_reserve() {
        let args = |token_ttl_ms, refresh_ttl_ms| TokenArgs {
            token_ttl_ms,
            refresh_ttl_ms,
            refresh_grace_ms: 0,
            signing_algorithm: SigningAlgorithm::Eddsa,
            revocation: Revocation::None,
            key_lead_ms: 120_000,
            key_refresh_ms: 5_000,
        };
        let max_tokens =
            |args: TokenArgs, life_s| RefreshRules::new(&args, life_s, 100).max_tokens;
        let week = 7 * 24 * 60 * 60 * 1_000;
        assert_eq!(max_tokens(args(900_000, week), 900), 1_000 + 2 * 672);
        assert_eq!(
            max_tokens(args(900_000, week), 60),
            1_000 + 2 * 10_080,
            "short-lived"
        );
    }

    #[test]
    fn malformed_refresh_tokens_are_refused() {
        let long = "A".repeat(44);
        // 43 characters encode two spare bits, which must be zero.
        let spare = format!("{}B", "A".repeat(42));
        let padded = format!("{}=", "A".repeat(43));
        for text in ["", "a.b.c", &long, &spare, &padded, &"A".repeat(42)] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
        assert!(RefreshToken::parse(&"A".repeat(43)).is_some());
    }
}
