//! The deny list in Redis: one key per token or family.
//!
//! The key consists of issuer and `jti`. A hash of the token would not do, because one
//! token can have several spellings (OWASP JSON Web Token cheat sheet).

use super::cached::family_name;
use crate::clock::now;
use crate::tokens::access::{Claims, ISSUER};
use cache::{Cache, DataEpoch, Denial, Written};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most tokens for which a database lookup is remembered.
const MAX_REMEMBERED_TOKENS: usize = 10_000;

/// Largest clock difference between this replica and the issuer of a token, and the rounding
/// of its time of issue, in milliseconds. The clock of Redis is not compared with theirs.
const MAX_CLOCK_SKEW_MS: i64 = 5_000;

/// Result of a lookup in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DenialLookup {
    Denied,
    NotDenied,
    /// Ask the database, because the token is older than the data in Redis. The result
    /// stays valid in this epoch.
    AskRecords {
        epoch: Option<DataEpoch>,
    },
}

#[derive(Clone)]
pub(super) struct DenyList {
    cache: Option<Cache>,
    /// By `jti`: the epoch in which Redis has every denial. The database was read in it and
    /// had no denial.
    not_denied: Arc<Mutex<HashMap<String, DataEpoch>>>,
}

impl DenyList {
    pub(super) fn new(cache: Option<Cache>) -> Self {
        Self { cache, not_denied: Arc::default() }
    }

    pub(super) async fn look_up(&self, claims: &Claims) -> DenialLookup {
        let Some(cache) = &self.cache else {
            return DenialLookup::AskRecords { epoch: None };
        };
        let (token, family) = (key(&claims.jti), key(&family_name(&claims.sid)));
        let both = tokio::join!(cache.is_denied(&token), cache.is_denied(&family));
        let (covered, epoch) = match both {
            (Ok(Denial::Denied), _) | (_, Ok(Denial::Denied)) => {
                return DenialLookup::Denied;
            }
            (
                Ok(Denial::NotDenied { covered: token, epoch: one }),
                Ok(Denial::NotDenied { covered: family, epoch: other }),
            ) => (token.min(family), one.filter(|_| one == other)),
            _ => return DenialLookup::AskRecords { epoch: None },
        };
        let covered_ms = i64::try_from(covered.as_millis()).unwrap_or(i64::MAX);
        let since = now().saturating_sub(covered_ms);
        let is_covered = issued_at_ms(claims) >= since.saturating_add(MAX_CLOCK_SKEW_MS);
        let remembered = || self.lock().get(&claims.jti).copied();
        if is_covered || epoch.is_some_and(|epoch| remembered() == Some(epoch)) {
            return DenialLookup::NotDenied;
        }
        DenialLookup::AskRecords { epoch }
    }

    /// Remembers that the database had no denial for this token.
    pub(super) fn remember(&self, claims: &Claims, epoch: DataEpoch) {
        let mut not_denied = self.lock();
        if not_denied.len() >= MAX_REMEMBERED_TOKENS {
            not_denied.clear();
        }
        not_denied.insert(claims.jti.clone(), epoch);
    }

    /// Writes denials to Redis, each for the longest lifetime of a token.
    pub(super) async fn publish(
        &self,
        names: &[String],
        max_lifetime_ms: i64,
    ) -> Written {
        let life = Duration::from_millis(u64::try_from(max_lifetime_ms).unwrap_or(0));
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        match &self.cache {
            Some(cache) => cache.deny_all(&keys, life).await,
            None => Written::Now,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, DataEpoch>> {
        self.not_denied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn issued_at_ms(claims: &Claims) -> i64 {
    i64::try_from(claims.iat).unwrap_or(0).saturating_mul(1_000)
}

fn key(jti: &str) -> String {
    format!("{ISSUER}:{jti}")
}
