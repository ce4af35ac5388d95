//! The version of a user as Redis keeps it: a number that a token must name.
//!
//! It is cached as sessions are, by the same scripts, because it has the same enemy: a
//! slow reader that puts back what has just been changed.

use crate::tokens::access::Claims;
use crate::tokens::count_lookup;
use cache::{Cache, Found, Moment, SessionCopy};
use std::time::Duration;
use upload_domain::incoming::now_ms;
use upload_domain::username::Username;

/// For how long a cached version is good.
const CACHED: Duration = Duration::from_secs(3_600);

/// For how long after a change nobody may cache it again: longer than the slowest reader
/// that read the old one.
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
        count_lookup("version");
        match cache.peek_session::<i64>(&key(&claims.sub)).await {
            Ok(Found::Live { copy, .. }) if copy.session == claims.ver => {
                VersionHeard::Same
            }
            Ok(Found::Live { copy, .. }) if copy.session > claims.ver => {
                VersionHeard::Older
            }
            Ok(Found::Nothing { now }) => VersionHeard::Ask { fill: Some(now) },
            // Changed a moment ago, behind the token, or not to be had.
            Ok(Found::Live { .. } | Found::Ended) | Err(_) => {
                VersionHeard::Ask { fill: None }
            }
        }
    }

    /// What the records said after Redis was asked at `asked`.
    pub(super) async fn fill(&self, username: &Username, epoch: i64, asked: Moment) {
        let Some(cache) = &self.cache else {
            return;
        };
        let life = i64::try_from(CACHED.as_millis()).unwrap_or(i64::MAX);
        let copy = SessionCopy {
            version: epoch,
            ends_at: i64::try_from(now_ms()).unwrap_or(i64::MAX).saturating_add(life),
            read_at: asked,
            session: epoch,
        };
        // Nothing is lost if it cannot be cached: it is read again.
        let _filled = cache.fill_session(&key(username), &copy, CACHED).await;
    }

    /// After a change in the records.
    pub(super) async fn forget(&self, username: &Username) {
        if let Some(cache) = &self.cache {
            let _now_or_later = cache.forget_sessions(&[key(username)], UNSETTLED).await;
        }
    }
}

fn key(username: &Username) -> String {
    format!("version:{username}")
}
