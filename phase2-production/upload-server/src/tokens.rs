//! Tokens: signed credentials that the client stores instead of the server.
//!
//! An access token is issued at login, lives for minutes, and every replica can verify
//! its signature. Phase 1 ends there: such a token cannot be revoked. Production adds
//! refresh tokens, which the database stores; key rotation without downtime; and
//! revocation, which needs state on the server after all.
//!
//! Reading order: `access` (signing and verifying), `refresh`, `revocation` (and its
//! cost), then the keys: `keys`, `key_set`, `rotation`, `key_ring`, `sealing`.

mod access;
mod error;
mod housekeeping;
mod key_ring;
mod key_set;
mod keys;
mod publishing;
mod refresh;
mod revocation;
mod revoke;
mod rotation;
mod sealing;

use crate::audit::AuditContext;
use crate::clock::{now, now_ms};
use crate::concurrency_limit::ConcurrencyLimit;
use crate::config::credentials::{Revocation, SigningAlgorithm, TokenArgs};
use crate::run_to_completion::run_to_completion;
use access::{AUDIENCE, Claims, ISSUER, LEEWAY_S, Validity};
use api_contract::secret::Secret;
use cache::Cache;
use error::BadToken;
use key_ring::KeyRing;
use keys::SigningKey;
use records::{Member, Records, Scope, audit, clock as database_clock};
use refresh::{RefreshRules, RefreshToken, Refreshed};
use revocation::Revocations;
use rotation::RotationTimes;
use sealing::SealingKey;
use std::sync::Arc;

pub use error::TokenError;
pub(crate) use revocation::RevokedNames;
pub(crate) use revoke::IdentifiedToken;

/// Longest lifetime of an access token that cannot be revoked, in seconds.
const SHORT_LIVED_TTL_S: u64 = 60;

/// Concurrent lookups of refresh tokens from unauthenticated requests: few of a replica's
/// connections.
const MAX_CONCURRENT_LOOKUPS: usize = 2;

/// A pair of tokens for an authenticated account.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Credential for each request.
    pub access_token: Secret,
    /// Exchanged once for the next pair.
    pub refresh_token: Secret,
    /// Lifetime of the access token in seconds.
    pub expires_in: u64,
}

/// Claims of a verified access token.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    /// The token's owner.
    pub member: Member,
    /// The token's id; not a secret.
    pub jti: String,
    /// Expiry, in seconds since 1970.
    pub exp: u64,
}

/// Keys and token storage. Clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    records: Records,
    sealing: SealingKey,
    ring: KeyRing,
    revocations: Revocations,
    lookups: ConcurrencyLimit,
    algorithm: SigningAlgorithm,
    access_ttl_s: u64,
    refresh: RefreshRules,
}

impl Tokens {
    /// Reads the signing keys, or makes the first one. `secret` is shared by all
    /// replicas: 32 random bytes or more. An account has at most `max_families` families
    /// of tokens; a login beyond that ends the oldest.
    ///
    /// # Errors
    /// When the database does not answer, or its keys were sealed with another secret.
    pub async fn open(
        records: Records,
        cache: Option<Cache>,
        secret: &[u8],
        args: &TokenArgs,
        max_families: u32,
    ) -> anyhow::Result<Self> {
        let sealing = SealingKey::from_bytes(secret);
        let longest = args.token_ttl_ms.div_ceil(1_000);
        let short = matches!(args.revocation, Revocation::ShortLived);
        let life = if short { longest.min(SHORT_LIVED_TTL_S) } else { longest };
        // After the lifetime was lowered, older tokens are still valid until they expire.
        let max_lifetime_ms = signed((longest + LEEWAY_S) * 1_000);
        let refresh = signed(args.key_refresh_ms);
        let wanted_lead = signed(args.key_lead_ms);
        let times = RotationTimes { refresh, wanted_lead, max_lifetime_ms };
        let algorithm = args.signing_algorithm;
        let ring = KeyRing::open(records.clone(), sealing.clone(), algorithm, times, now);
        let mode = args.revocation;
        let tokens = Self(Arc::new(Inner {
            ring: ring.await?,
            revocations: Revocations::new(mode, records.clone(), cache, max_lifetime_ms),
            records,
            sealing,
            algorithm,
            lookups: ConcurrencyLimit::new(MAX_CONCURRENT_LOOKUPS),
            access_ttl_s: life,
            refresh: RefreshRules::new(args, life, max_families),
        }));
        housekeeping::start(&tokens.0);
        Ok(tokens)
    }

    /// Birth, after a login: issues a pair of tokens. `epoch` is the version of the
    /// account at which the password was checked.
    ///
    /// # Errors
    /// `Invalid` when the account has changed since; otherwise the database does not
    /// answer.
    pub async fn issue(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<Issued, TokenError> {
        // Before the family is stored: a login that gets no tokens leaves none behind.
        let key = self.0.ring.signer(now())?;
        let row = audit.row(member, "token.issued", member.username.as_str());
        let (rules, owner, this) = (self.0.refresh, member.clone(), self.clone());
        let scope = Scope::Organisation(member.organisation.clone());
        let started = self.0.records.run(scope, move |tx| {
            Box::pin(async move {
                // Other replicas rotate and sweep by this clock.
                let now = database_clock::now(tx).await?;
                let begun = refresh::start(tx, &owner, epoch, rules, now).await?;
                let Some((begun, ended)) = begun else { return Ok(None) };
                audit::write(tx, &row).await?;
                let revocations = &this.0.revocations;
                let organisation = &owner.organisation;
                let names = revocations.deny_families(tx, organisation, &ended).await?;
                Ok(Some((begun, names)))
            })
        });
        let ((family, token), names) = started.await?.ok_or(TokenError::Invalid)?;
        if let Err(error) = self.publish(&names).await {
            // The new login counts; the oldest one, which it replaced, ends a little later.
            tracing::warn!(%error, "other replicas may receive the revocation late");
        }
        self.pair(member, epoch, family, &token, &key)
    }

    /// Verifies an access token: first the signature, locally; then whether it was
    /// revoked, in the stores that `--revocation` selects.
    ///
    /// # Errors
    /// When the token is invalid, expired or revoked, or a store does not answer.
    pub async fn check(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        let claims = self.read(token, Validity::Current).await?;
        self.0.revocations.check(&claims).await?;
        Ok(VerifiedToken { member: claims.member(), exp: claims.exp, jti: claims.jti })
    }

    /// The claims of a token that we signed. An unknown key id may belong to a key that
    /// another replica has just published: it is invalid only if the keys were read
    /// recently.
    async fn read(&self, token: &str, validity: Validity) -> Result<Claims, TokenError> {
        let (now, keys) = (now(), self.0.ring.current());
        if let Some(claims) = access::verify_with(token, &keys, validity, now)? {
            return Ok(claims);
        }
        let (keys, conclusive) = self.0.ring.refresh_for_unknown_kid(now).await;
        match access::verify_with(token, &keys, validity, now)? {
            Some(claims) => Ok(claims),
            None if conclusive => Err(TokenError::Invalid),
            None => Err(TokenError::Unavailable),
        }
    }

    /// Issues the next pair for an unused refresh token.
    ///
    /// # Errors
    /// When the token was used before, is unknown or expired, or the database does not
    /// answer.
    pub async fn refresh(
        &self,
        token: &str,
        audit: &AuditContext,
    ) -> Result<Issued, TokenError> {
        let token = RefreshToken::parse(token).ok_or(TokenError::Invalid)?;
        // Before the rotation commits: a client that gets no reply repeats its token, and
        // after the grace that counts as theft.
        let key = self.0.ring.signer(now())?;
        let (this, audit) = (self.clone(), audit.clone());
        let refreshed = run_to_completion(async move {
            let refreshed = refresh::rotate(&this, &token, &audit).await?;
            if let Refreshed::Reused(holder, names) = &refreshed {
                this.reuse_detected(holder, names).await?;
            }
            Ok::<_, TokenError>(refreshed)
        });
        match refreshed.await? {
            Refreshed::Next(holder, next) => {
                self.pair(&holder.member, holder.epoch, holder.family, &next, &key)
            }
            Refreshed::Reused(..) => Err(TokenError::Invalid),
        }
    }

    fn pair(
        &self,
        member: &Member,
        epoch: i64,
        family: String,
        token: &RefreshToken,
        key: &SigningKey,
    ) -> Result<Issued, TokenError> {
        let (now, life) = (now_ms() / 1_000, self.0.access_ttl_s);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: member.username.clone(),
            org: member.organisation.clone(),
            role: member.role,
            ver: epoch,
            sid: family,
            jti: uuid::Uuid::new_v4().to_string(),
            iat: now,
            nbf: now,
            exp: now + life,
        };
        Ok(Issued {
            access_token: access::sign(&claims, key).map_err(TokenError::broken)?,
            refresh_token: token.secret(),
            expires_in: life,
        })
    }
}

/// Counts the round trips of a request: one each time that it waits for a store, however
/// many commands it sends at once.
fn count_round_trip(store: &'static str) {
    metrics::counter!("upload_server_token_revocation_round_trips_total", "store" => store)
        .increment(1);
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
