//! The version of a user as Redis keeps it: a number that a token must name.

use crate::clock::now;
use crate::tokens::access::Claims;
use cache::{Cache, Moment, Version, Written};
use std::time::Duration;
use upload_domain::username::Username;

/// Milliseconds for which a cached version is good.
const CACHED_MS: i64 = 3_600_000;

/// For how long after a change nobody may cache it again: longer than the slowest reader
/// that read the old one. A replica that cannot tell Redis for so long had trouble with it,
/// and every other one hears of the change and tells Redis itself.
const UNSETTLED: Duration = Duration::from_secs(30);

/// What Redis says of the version in a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionHeard {
    Same,
    Older,
    /// Ask the records, and tell Redis if it wants to know.
    Ask {
        fill: Option<Moment>,
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

    pub(super) async fn hear(&self, claims: &Claims) -> VersionHeard {
        let Some(cache) = &self.cache else {
            return VersionHeard::Ask { fill: None };
        };
        match cache.version(claims.sub.as_str()).await {
            Ok(Version::Is(version)) if version == claims.ver => VersionHeard::Same,
            Ok(Version::Is(version)) if version > claims.ver => VersionHeard::Older,
            Ok(Version::Unknown { now }) => VersionHeard::Ask { fill: Some(now) },
            // Changed a moment ago, behind the token, or not to be had.
            Ok(Version::Is(_) | Version::Unsettled) | Err(_) => {
                VersionHeard::Ask { fill: None }
            }
        }
    }

    /// What the records said after Redis was asked at `asked`.
    pub(super) async fn fill(&self, username: &Username, epoch: i64, asked: Moment) {
        let Some(cache) = &self.cache else {
            return;
        };
        let ends_at = now().saturating_add(CACHED_MS);
        // Nothing is lost if it cannot be cached: it is read again.
        let _filled = cache.fill_version(username.as_str(), epoch, asked, ends_at).await;
    }

    /// After a change in the records.
    pub(super) async fn forget(&self, users: &[String]) -> Written {
        match &self.cache {
            Some(cache) => cache.forget_versions(users, UNSETTLED).await,
            None => Written::Now,
        }
    }
}
