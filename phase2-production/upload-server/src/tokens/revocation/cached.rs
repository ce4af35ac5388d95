//! Revocations in Redis, as far as the mode uses them.

use super::deny_list::{DenialLookup, DenyList};
use super::version::{VersionLookup, Versions};
use super::{CachedState, DatabaseState};
use crate::config::credentials::Revocation;
use crate::revocation_feed::{self, RevocationFeed};
use crate::tokens::access::Claims;
use cache::{Cache, Written};
use records::{Records, revoked};
use upload_domain::username::Username;

/// The part of Redis that a mode uses.
#[derive(Clone)]
pub(super) struct CachedRevocations {
    mode: Revocation,
    denied: DenyList,
    versions: Versions,
    /// Longest remaining lifetime of an access token in milliseconds, leeway included,
    /// whichever replica issued it.
    pub(super) max_lifetime_ms: i64,
}

impl CachedRevocations {
    pub(super) fn new(
        mode: Revocation,
        cache: Option<Cache>,
        max_lifetime_ms: i64,
    ) -> Self {
        let denied = DenyList::new(cache.clone());
        Self { mode, denied, versions: Versions::new(cache), max_lifetime_ms }
    }

    pub(super) const fn denies(&self) -> bool {
        matches!(self.mode, Revocation::DenyList | Revocation::Combined)
    }

    pub(super) const fn compares_versions(&self) -> bool {
        matches!(self.mode, Revocation::TokenVersion | Revocation::Combined)
    }

    pub(super) const fn needs_lookup(&self) -> bool {
        self.denies() || self.compares_versions()
    }

    /// All lookups at once, in one round trip.
    pub(super) async fn look_up(&self, claims: &Claims) -> CachedState {
        let (denied, version) = tokio::join!(
            async {
                if self.denies() { Some(self.denied.look_up(claims).await) } else { None }
            },
            async {
                let needed = self.compares_versions();
                if needed { Some(self.versions.look_up(claims).await) } else { None }
            },
        );
        CachedState { denied, version }
    }

    /// Caches the answer of the database where Redis had none.
    pub(super) async fn update(
        &self,
        claims: &Claims,
        cached: &CachedState,
        stored: DatabaseState,
    ) {
        if let Some(DenialLookup::AskRecords { epoch: Some(epoch) }) = cached.denied
            && !stored.denied
        {
            self.denied.remember(claims, epoch);
        }
        if let (
            Some(VersionLookup::AskRecords { fill: Some(redis_read_at) }),
            Some(epoch),
        ) = (cached.version, stored.epoch)
        {
            self.versions.fill(&claims.sub, epoch, redis_read_at).await;
        }
    }

    /// Writes committed revocations to Redis, by their names in the deny list.
    pub(super) async fn publish(&self, names: &[String]) -> Written {
        let (users, denied): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| user_of(name).is_some());
        let users: Vec<_> = users.into_iter().filter_map(|name| user_of(name)).collect();
        let denied: Vec<_> = denied.into_iter().cloned().collect();
        let mut written = Written::Now;
        if !users.is_empty() && self.versions.forget(&users).await == Written::Queued {
            written = Written::Queued;
        }
        if !denied.is_empty()
            && self.denied.publish(&denied, self.max_lifetime_ms).await == Written::Queued
        {
            written = Written::Queued;
        }
        written
    }

    /// Polls for revocations of other replicas and writes them to Redis.
    pub(super) fn start_feed(&self, records: Records) -> RevocationFeed {
        let query: revocation_feed::Query =
            |tx, end| Box::pin(async move { revoked::denied_after(tx, &end).await });
        let this = self.clone();
        RevocationFeed::start(records, query, move |revoked| {
            let this = this.clone();
            async move {
                // If the write is queued, this replica trusts no older entry.
                let _now_or_later = this.publish(&revoked).await;
            }
        })
    }
}

/// Name of a family in the deny list. No `jti` has this form.
pub(super) fn family_name(family: &str) -> String {
    format!("family:{family}")
}

/// Name of all tokens of a user up to a version. It is never looked up: it announces the
/// change of the version to the other replicas.
pub(super) fn version_name(username: &Username, version: i64) -> String {
    format!("version:{version}:{username}")
}

/// The user whose version has changed; `None` for names of another kind.
fn user_of(name: &str) -> Option<String> {
    let (_version, user) = name.strip_prefix("version:")?.split_once(':')?;
    Some(user.to_owned())
}
