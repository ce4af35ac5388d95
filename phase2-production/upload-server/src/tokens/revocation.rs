//! Revocation of access tokens before they expire, and its cost.
//!
//! | mode            | lookup per request                  | a revocation ends          |
//! |-----------------|-------------------------------------|----------------------------|
//! | `none`          | none                                | nothing, until it expires  |
//! | `short-lived`   | none                                | nothing, within a minute   |
//! | `deny-list`     | Redis: this token, and its family   | the family                 |
//! | `token-version` | Redis: the version of the user      | all tokens of the user     |
//! | `combined`      | Redis: all three, in one round trip | either                     |
//!
//! The database is the source of truth; Redis is asked first because it is faster. If
//! Redis does not answer, or may lack the revocation, the database is asked, by a few
//! requests at a time. If neither answers, the request gets 503. A revocation at another
//! replica that did not reach Redis arrives through the revocation feed
//! (`revocation_feed.rs`) before that replica acknowledges it.

mod cached;
mod deny;
mod deny_list;
mod version;

pub(crate) use deny::RevokedNames;

use super::TokenError;
use super::access::{Claims, ISSUER, LEEWAY_S};
use crate::concurrency_limit::ConcurrencyLimit;
use crate::config::credentials::Revocation;
use crate::revocation_feed::{FeedStatus, RevocationFeed};
use cache::Cache;
use cached::{CachedRevocations, family_name};
use deny_list::DenialLookup;
use records::{AnyConnection, Records, RecordsError, Scope, revoked, users};
use std::sync::Arc;
use version::VersionLookup;

/// Concurrent requests that ask the database because Redis had no answer: half of a
/// replica's connections, so that uploads and logins go on.
const MAX_CONCURRENT_LOOKUPS: usize = 4;

/// Longest lifetime of any access token in milliseconds: the largest `--token-ttl-ms`, with
/// the leeway and the rounding of its seconds. A replica may have issued it before a restart
/// with a shorter lifetime, and a denial must not end before its token.
const MAX_TOKEN_LIFETIME_MS: i64 = (86_400 + LEEWAY_S + 1).cast_signed() * 1_000;

/// Checks and writes revocations of access tokens.
#[derive(Clone)]
pub(crate) struct Revocations {
    records: Records,
    cached: CachedRevocations,
    lookups: Arc<ConcurrencyLimit>,
    /// Revocations of other replicas; only in modes with a lookup in Redis.
    feed: Option<RevocationFeed>,
}

/// State of a token in the database.
#[derive(Clone, Copy, Debug)]
struct DatabaseState {
    denied: bool,
    /// Version of the user; `None` if the account is missing or disabled.
    epoch: Option<i64>,
}

/// State of a token in Redis, for each lookup of the mode.
struct CachedState {
    denied: Option<DenialLookup>,
    version: Option<VersionLookup>,
}

impl CachedState {
    fn is_revoked(&self) -> bool {
        matches!(self.denied, Some(DenialLookup::Denied))
            || matches!(self.version, Some(VersionLookup::Outdated))
    }

    fn is_conclusive(&self) -> bool {
        !matches!(self.denied, Some(DenialLookup::AskRecords { .. }))
            && !matches!(self.version, Some(VersionLookup::AskRecords { .. }))
    }
}

impl Revocations {
    /// `max_lifetime_ms` is that of the tokens that this replica issues. Must be called in a
    /// Tokio runtime.
    pub(crate) fn new(
        mode: Revocation,
        records: Records,
        cache: Option<Cache>,
        max_lifetime_ms: i64,
    ) -> Self {
        let has_redis = cache.is_some();
        let max_lifetime_ms = max_lifetime_ms.max(MAX_TOKEN_LIFETIME_MS);
        let cached = CachedRevocations::new(mode, cache, max_lifetime_ms);
        let needs_feed = has_redis && cached.needs_lookup();
        let feed = needs_feed.then(|| cached.start_feed(records.clone()));
        Self {
            records,
            cached,
            lookups: Arc::new(ConcurrencyLimit::new(MAX_CONCURRENT_LOOKUPS)),
            feed,
        }
    }

    #[cfg(test)]
    pub(crate) fn stop_feed(&self) {
        self.feed.iter().for_each(RevocationFeed::stop);
    }

    /// Checks that the token is not revoked.
    ///
    /// # Errors
    /// `Invalid` when it was revoked, `Unavailable` when no store answers.
    pub(crate) async fn check(&self, claims: &Claims) -> Result<(), TokenError> {
        let feed = self.feed.as_ref().map(RevocationFeed::status);
        if self.feed.is_some() {
            super::count_round_trip("redis");
        }
        let cached = self.cached.look_up(claims).await;
        if cached.is_revoked() {
            return Err(TokenError::Invalid);
        }
        // A replica that lags may miss a revocation from before an outage.
        let is_current = !matches!(feed, Some(FeedStatus::Lagging));
        if cached.is_conclusive() && is_current {
            return Ok(());
        }
        let stored = self.read_records(claims).await?;
        self.cached.update(claims, &cached, stored).await;
        let same_version =
            !self.cached.compares_versions() || stored.epoch == Some(claims.ver);
        if !stored.denied && same_version { Ok(()) } else { Err(TokenError::Invalid) }
    }

    async fn read_records(&self, claims: &Claims) -> Result<DatabaseState, TokenError> {
        super::count_round_trip("records");
        let (denies, versions) = (self.cached.denies(), self.cached.compares_versions());
        let claims = claims.clone();
        let scope = Scope::Organisation(claims.org.clone());
        let asked = self.records.read(scope, move |tx| {
            Box::pin(async move {
                let denied = denies && is_denied(tx, &claims).await?;
                let known =
                    if versions { users::find(tx, &claims.sub).await? } else { None };
                let enabled = known.filter(|account| account.disabled_at.is_none());
                Ok(DatabaseState { denied, epoch: enabled.map(|account| account.epoch) })
            })
        });
        self.lookups.run(asked).await.map_err(|error| {
            tracing::warn!(%error, "the revocation of a token cannot be checked");
            TokenError::Unavailable
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credentials::TokenArgs;
    use clap::Parser;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        tokens: TokenArgs,
    }

    fn ttl_ms(text: &str) -> Option<u64> {
        let parsed = CommandLine::try_parse_from(["server", "--token-ttl-ms", text]);
        parsed.ok().map(|line| line.tokens.token_ttl_ms)
    }

    #[test]
    fn denial_outlives_the_longest_token_of_the_flag() {
        let longest = ttl_ms("86400000").expect("a day is allowed");
        assert_eq!(ttl_ms("86400001"), None, "a longer lifetime needs longer denials");
        assert!(MAX_TOKEN_LIFETIME_MS.cast_unsigned() > longest + LEEWAY_S * 1_000);
    }
}
