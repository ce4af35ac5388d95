//! The version of a user in Redis: a token must carry the current one.

use crate::clock::now;
use crate::tokens::access::Claims;
use cache::{Cache, RedisTime, Version, Written};
use std::time::Duration;
use upload_domain::username::Username;

/// Lifetime of a cached version in milliseconds.
const VERSION_TTL_MS: i64 = 3_600_000;

/// Time after a change in which the version is not cached again: longer than the slowest
/// reader of the old one. If a replica cannot write to Redis for so long, the others
/// learn of the change from the revocation feed and write it themselves.
const REFILL_BLOCK: Duration = Duration::from_secs(30);

/// Result of a lookup in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionLookup {
    Current,
    Outdated,
    /// Ask the database; cache the result if `fill` is given.
    AskRecords {
        fill: Option<RedisTime>,
    },
}

#[derive(Clone)]
pub(super) struct Versions {
    cache: Option<Cache>,
}

impl Versions {
    pub(super) const fn new(cache: Option<Cache>) -> Self {
        Self { cache }
    }

    pub(super) async fn look_up(&self, claims: &Claims) -> VersionLookup {
        let Some(cache) = &self.cache else {
            return VersionLookup::AskRecords { fill: None };
        };
        match cache.version(claims.sub.as_str()).await {
            Ok(Version::Current(version)) if version == claims.ver => {
                VersionLookup::Current
            }
            Ok(Version::Current(version)) if version > claims.ver => {
                VersionLookup::Outdated
            }
            Ok(Version::Unknown { now }) => VersionLookup::AskRecords { fill: Some(now) },
            // Just changed, older than the token, or Redis does not answer.
            Ok(Version::Current(_) | Version::Invalidated) | Err(_) => {
                VersionLookup::AskRecords { fill: None }
            }
        }
    }

    /// Caches the version that the database returned after Redis was read at `redis_read_at`.
    pub(super) async fn fill(
        &self,
        username: &Username,
        epoch: i64,
        redis_read_at: RedisTime,
    ) {
        let Some(cache) = &self.cache else {
            return;
        };
        let ends_at = now().saturating_add(VERSION_TTL_MS);
        // A failure loses nothing: the version is read again.
        let _filled =
            cache.fill_version(username.as_str(), epoch, redis_read_at, ends_at).await;
    }

    /// Call it after a change in the database.
    pub(super) async fn forget(&self, users: &[String]) -> Written {
        match &self.cache {
            Some(cache) => cache.invalidate_versions(users, REFILL_BLOCK).await,
            None => Written::Now,
        }
    }
}
