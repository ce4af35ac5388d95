//! Tokens: what this server would otherwise have to remember, signed and handed out.
//!
//! An access token is born at login, lives for minutes, and every replica believes it
//! because of its signature. Phase 1 ends there, and nobody can end such a token early.
//! Production adds what that costs: refresh tokens, which the records know; keys that
//! change without anybody noticing; and revocation, which is a memory after all.
//!
//! Reading order: `access` (what is signed and checked), `refresh`, `revocation` (what it
//! costs), then the keys: `keys`, `key_set`, `rotation`, `key_ring`, `sealing`.

mod access;
mod ends;
mod error;
mod housekeeping;
mod key_ring;
mod key_set;
mod keys;
mod publishing;
mod refresh;
mod revocation;
mod rotation;
mod sealing;

use crate::audit::AuditContext;
use crate::clock::{now, now_ms};
use crate::config::proofs::{Revocation, SigningAlgorithm, TokenArgs};
use crate::in_full::in_full;
use crate::turns::Turns;
use access::{AUDIENCE, Claims, ISSUER, LEEWAY_S, When};
use api_contract::secret::Secret;
use cache::Cache;
use error::BadToken;
use key_ring::KeyRing;
use records::{Member, Records, Scope, audit};
use refresh::{RefreshRules, RefreshToken, Refreshed};
use revocation::Revocations;
use rotation::RotationTimes;
use sealing::SealingKey;
use std::sync::Arc;

pub(crate) use ends::Recognised;
pub use error::TokenError;
pub(crate) use revocation::Ended;

/// Longest life of an access token that nothing can end, in seconds.
const SHORT_LIFE_S: u64 = 60;

/// Tokens of strangers that are looked up at once: few of a replica's connections.
const LOOKED_UP_AT_ONCE: usize = 2;

/// A pair of tokens for somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The proof for each request.
    pub access_token: Secret,
    /// Good for one more pair.
    pub refresh_token: Secret,
    /// Seconds that the access token lives.
    pub expires_in: u64,
}

/// What a good access token says.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Who is calling.
    pub member: Member,
    /// The token's name; no secret.
    pub jti: String,
    /// When it expires, in seconds since 1970.
    pub exp: u64,
}

/// The keys, and where tokens are written down. Clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    records: Records,
    sealing: SealingKey,
    ring: KeyRing,
    revocations: Revocations,
    turns: Turns,
    algorithm: SigningAlgorithm,
    access_life_s: u64,
    refresh: RefreshRules,
}

impl Tokens {
    /// Reads the signing keys, or makes the first one. `secret` is what all replicas
    /// share: 32 random bytes or more.
    ///
    /// # Errors
    /// When the records do not answer, or their keys were sealed with another secret.
    pub async fn open(
        records: Records,
        cache: Option<Cache>,
        secret: &[u8],
        args: &TokenArgs,
    ) -> anyhow::Result<Self> {
        let sealing = SealingKey::from_bytes(secret);
        let longest = args.token_ttl_ms.div_ceil(1_000);
        let short = matches!(args.revocation, Revocation::ShortLived);
        let life = if short { longest.min(SHORT_LIFE_S) } else { longest };
        // A cluster that was told to let tokens die sooner still takes the older ones.
        let longest_life = signed((longest + LEEWAY_S) * 1_000);
        let refresh = signed(args.key_refresh_ms);
        let times = RotationTimes { refresh, longest_life };
        let algorithm = args.signing_algorithm;
        let ring = KeyRing::open(records.clone(), sealing.clone(), algorithm, times, now);
        let mode = args.revocation;
        let tokens = Self(Arc::new(Inner {
            ring: ring.await?,
            revocations: Revocations::new(mode, records.clone(), cache, longest_life),
            records,
            sealing,
            algorithm,
            turns: Turns::new(LOOKED_UP_AT_ONCE),
            access_life_s: life,
            refresh: RefreshRules::new(args, life),
        }));
        housekeeping::start(&tokens.0);
        Ok(tokens)
    }

    /// Birth, after a login: a pair of tokens. `epoch` is the version of the account whose
    /// password was checked.
    ///
    /// # Errors
    /// `Invalid` when the account has changed since; otherwise the records do not answer.
    pub async fn issue(
        &self,
        member: &Member,
        epoch: i64,
        audit: &AuditContext,
    ) -> Result<Issued, TokenError> {
        let row = audit.row(member, "token.issued", member.username.as_str());
        let (rules, who) = (self.0.refresh, member.clone());
        let scope = Scope::Organisation(member.organisation.clone());
        let started = self.0.records.run(scope, move |tx| {
            Box::pin(async move {
                let started = refresh::start(tx, &who, epoch, rules, row.at).await?;
                if started.is_some() {
                    audit::write(tx, &row).await?;
                }
                Ok(started)
            })
        });
        let (family, token) = started.await?.ok_or(TokenError::Invalid)?;
        self.pair(member, epoch, family, &token)
    }

    /// Who is calling. The signature is checked here; whether the token was ended before
    /// its time is asked of whoever knows, as `--revocation` says.
    ///
    /// # Errors
    /// When the token is not one of ours, not one now, or that cannot be known.
    pub async fn check(&self, token: &str) -> Result<Checked, TokenError> {
        let claims = self.read(token, When::Now).await?;
        self.0.revocations.check(&claims).await?;
        Ok(Checked { member: claims.member(), exp: claims.exp, jti: claims.jti })
    }

    /// What the token says, if we signed it. A key that we do not know may be one that
    /// another replica has just published: that is "no" only if we read the keys lately.
    async fn read(&self, token: &str, when: When) -> Result<Claims, TokenError> {
        let (now, keys) = (now(), self.0.ring.current());
        if let Some(claims) = access::verify_with(token, &keys, when, now)? {
            return Ok(claims);
        }
        let (keys, sure) = self.0.ring.look_again(now).await;
        match access::verify_with(token, &keys, when, now)? {
            Some(claims) => Ok(claims),
            None if sure => Err(TokenError::Invalid),
            None => Err(TokenError::CannotKnow),
        }
    }

    /// The next pair, for a refresh token that was not used before.
    ///
    /// # Errors
    /// When it was, or is not one of ours, or the records do not answer.
    pub async fn refresh(
        &self,
        token: &str,
        audit: &AuditContext,
    ) -> Result<Issued, TokenError> {
        let token = RefreshToken::parse(token).ok_or(TokenError::Invalid)?;
        let (this, audit) = (self.clone(), audit.clone());
        let refreshed = in_full(async move {
            let refreshed = refresh::rotate(&this, &token, &audit).await?;
            if let Refreshed::Stolen(holder, ended) = &refreshed {
                this.stolen(holder, ended).await;
            }
            Ok::<_, TokenError>(refreshed)
        });
        match refreshed.await? {
            Refreshed::Next(holder, next) => {
                self.pair(&holder.member, holder.epoch, holder.family, &next)
            }
            Refreshed::Stolen(..) => Err(TokenError::Invalid),
        }
    }

    fn pair(
        &self,
        member: &Member,
        epoch: i64,
        family: String,
        token: &RefreshToken,
    ) -> Result<Issued, TokenError> {
        let (now_ms, life) = (now_ms(), self.0.access_life_s);
        let now = now_ms / 1_000;
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
        let key = self.0.ring.signer(signed(now_ms))?;
        Ok(Issued {
            access_token: access::sign(&claims, &key).map_err(TokenError::broken)?,
            refresh_token: token.secret(),
            expires_in: life,
        })
    }
}

/// So that what a request costs can be measured, and not only claimed. One is counted for
/// each time that a request waits for a store, however many questions it asks at once.
fn count_round_trip(store: &'static str) {
    metrics::counter!("upload_server_token_revocation_round_trips_total", "store" => store)
        .increment(1);
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
