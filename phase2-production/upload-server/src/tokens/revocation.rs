//! Revocation: what ends an access token before its time, and what asking costs.
//!
//! | mode            | asked for each request              | what a revocation ends     |
//! |-----------------|-------------------------------------|----------------------------|
//! | `none`          | nothing                             | nothing, until it expires  |
//! | `short-lived`   | nothing                             | nothing, within a minute   |
//! | `deny-list`     | Redis: this token, and its family   | the family                 |
//! | `token-version` | Redis: the version of the user      | everything of the user     |
//! | `combined`      | Redis: all three, in one round trip | either                     |
//!
//! The truth is in the records; Redis is asked first because it is quicker. Where Redis
//! does not answer, or cannot have heard of it, the records are asked, by a few requests
//! at a time. If nobody can be asked, nobody has said yes: that is a 503 and no 200.
//! What another replica ended and could not tell Redis is heard from the records
//! (`hearsay.rs`), before its end is answered there.

mod deny_list;
mod denying;
mod memory;
mod version;

pub(crate) use denying::Ended;

use super::TokenError;
use super::access::{Claims, ISSUER};
use crate::config::proofs::Revocation;
use crate::hearsay::Hearsay;
use crate::turns::Turns;
use cache::Cache;
use deny_list::DenialHeard;
use memory::{Memory, family_name};
use records::{AnyConnection, Records, RecordsError, Scope, revoked, users};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use version::VersionHeard;

/// Requests that may ask the records at once because Redis could not say: half of a
/// replica's connections, so that uploads and logins go on.
const ASKING: usize = 4;

/// How long a request waits for the records to confirm what Redis has already answered.
const PATIENCE: Duration = Duration::from_millis(250);

/// Whether access tokens are still good.
#[derive(Clone)]
pub(crate) struct Revocations {
    records: Records,
    memory: Memory,
    turns: Arc<Turns>,
    /// What others ended; where a request costs a question to Redis.
    hearsay: Option<Hearsay>,
}

/// What the records say of a token.
#[derive(Clone, Copy, Debug)]
struct Truth {
    denied: bool,
    /// The user's version; none if there is no such user any more.
    epoch: Option<i64>,
}

/// What Redis says of a token, of each that the mode asks for.
struct Heard {
    denied: Option<DenialHeard>,
    version: Option<VersionHeard>,
}

impl Heard {
    fn is_dead(&self) -> bool {
        matches!(self.denied, Some(DenialHeard::Denied))
            || matches!(self.version, Some(VersionHeard::Older))
    }

    fn is_sure(&self) -> bool {
        !matches!(self.denied, Some(DenialHeard::Ask { .. }))
            && !matches!(self.version, Some(VersionHeard::Ask { .. }))
    }
}

impl Revocations {
    /// Must be called in a Tokio runtime.
    pub(crate) fn new(
        mode: Revocation,
        records: Records,
        cache: Option<Cache>,
        longest_life: i64,
    ) -> Self {
        let has_redis = cache.is_some();
        let memory = Memory::new(mode, cache, longest_life);
        let asks_redis = has_redis && memory.asks_anybody();
        let hearsay = asks_redis.then(|| memory.listen(records.clone()));
        Self { records, memory, turns: Arc::new(Turns::new(ASKING)), hearsay }
    }

    #[cfg(test)]
    pub(crate) fn stop_listening(&self) {
        self.hearsay.iter().for_each(Hearsay::stop);
    }

    /// Whether the token still counts.
    ///
    /// # Errors
    /// `Invalid` when it was ended, `CannotKnow` when that cannot be known.
    pub(crate) async fn check(&self, claims: &Claims) -> Result<(), TokenError> {
        let is_behind = self.hearsay.as_ref().is_some_and(Hearsay::is_behind);
        if self.hearsay.is_some() {
            super::count_round_trip("redis");
        }
        let heard = self.memory.hear(claims).await;
        if heard.is_dead() {
            return Err(TokenError::Invalid);
        }
        let truth = match (heard.is_sure(), is_behind) {
            (true, false) => return Ok(()),
            (false, _) => self.ask_records(claims).await?,
            (true, true) => {
                let asked = timeout(PATIENCE, self.ask_records(claims)).await;
                // Nobody contradicts what Redis said.
                let Ok(Ok(truth)) = asked else { return Ok(()) };
                truth
            }
        };
        self.memory.learn(claims, &heard, truth).await;
        let same_version =
            !self.memory.compares_versions() || truth.epoch == Some(claims.ver);
        if !truth.denied && same_version { Ok(()) } else { Err(TokenError::Invalid) }
    }

    async fn ask_records(&self, claims: &Claims) -> Result<Truth, TokenError> {
        super::count_round_trip("records");
        let (denies, versions) = (self.memory.denies(), self.memory.compares_versions());
        let claims = claims.clone();
        let scope = Scope::Organisation(claims.org.clone());
        let asked = self.records.look(scope, move |tx| {
            Box::pin(async move {
                let denied = denies && is_denied(tx, &claims).await?;
                let known =
                    if versions { users::find(tx, &claims.sub).await? } else { None };
                let enabled = known.filter(|account| account.disabled_at.is_none());
                Ok(Truth { denied, epoch: enabled.map(|account| account.epoch) })
            })
        });
        self.turns.ask(asked).await.map_err(|error| {
            tracing::warn!(%error, "whether a token was revoked cannot be known");
            TokenError::CannotKnow
        })
    }
}

async fn is_denied(
    tx: &mut AnyConnection,
    claims: &Claims,
) -> Result<bool, RecordsError> {
    for jti in [&claims.jti, &family_name(&claims.sid)] {
        if revoked::is_denied(tx, &claims.org, ISSUER, jti).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
