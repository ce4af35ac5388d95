//! The deny list as Redis keeps it: one key for a token, or for a family of them.
//!
//! The key is issuer and `jti` and never a hash of the token, which may be spelled in more
//! than one way (OWASP JSON Web Token cheat sheet).

use super::memory::family_name;
use crate::tokens::access::{Claims, ISSUER};
use cache::{Cache, Denial, Written};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tokens of which it is remembered that the records were asked.
const MOST_REMEMBERED: usize = 10_000;

/// Milliseconds by which the clock of Redis and ours may differ.
const SKEW_MS: i64 = 5_000;

/// What Redis says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DenialHeard {
    Denied,
    NotDenied,
    /// It was issued before Redis began to remember: ask the records. What they say holds
    /// for as long as Redis remembers from the same moment on.
    Ask {
        since: Option<i64>,
    },
}

#[derive(Clone)]
pub(super) struct DenyList {
    cache: Option<Cache>,
    /// `jti`, and the moment since which Redis has every denial: the records were asked
    /// after that moment and had none.
    asked: Arc<Mutex<HashMap<String, i64>>>,
}

impl DenyList {
    pub(super) fn new(cache: Option<Cache>) -> Self {
        Self { cache, asked: Arc::default() }
    }

    pub(super) async fn hear(&self, claims: &Claims) -> DenialHeard {
        let Some(cache) = &self.cache else {
            return DenialHeard::Ask { since: None };
        };
        let (token, family) = (key(&claims.jti), key(&family_name(&claims.sid)));
        let both = tokio::join!(cache.is_denied(&token), cache.is_denied(&family));
        let since = match both {
            (Ok(Denial::Denied), _) | (_, Ok(Denial::Denied)) => {
                return DenialHeard::Denied;
            }
            (
                Ok(Denial::NotSince { since: token }),
                Ok(Denial::NotSince { since: family }),
            ) => token.max(family),
            _ => return DenialHeard::Ask { since: None },
        };
        if issued_at_ms(claims) >= since.saturating_add(SKEW_MS)
            || self.lock().get(&claims.jti) == Some(&since)
        {
            return DenialHeard::NotDenied;
        }
        DenialHeard::Ask { since: Some(since) }
    }

    /// The records were asked about this token, and it was not denied.
    pub(super) fn remember(&self, claims: &Claims, since: i64) {
        let mut asked = self.lock();
        if asked.len() >= MOST_REMEMBERED {
            asked.clear();
        }
        asked.insert(claims.jti.clone(), since);
    }

    /// Redis keeps each for as long as a token may live that it ends.
    pub(super) async fn tell(&self, names: &[String], longest_life: i64) -> Written {
        let life = Duration::from_millis(u64::try_from(longest_life).unwrap_or(0));
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        match &self.cache {
            Some(cache) => cache.deny_all(&keys, life).await,
            None => Written::Now,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn issued_at_ms(claims: &Claims) -> i64 {
    i64::try_from(claims.iat).unwrap_or(0).saturating_mul(1_000)
}

fn key(jti: &str) -> String {
    format!("{ISSUER}:{jti}")
}
