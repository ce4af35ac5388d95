//! The deny list: tokens that are refused although their signature is valid.

use crate::Cache;
use crate::error::CacheDown;
use crate::retry_queue::Written;
use crate::trust::DataEpoch;
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static GET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/deny_get.lua")));

/// The part of a key that is the same for all denials.
const KIND: &str = "denied";

/// The result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The token is denied.
    Denied,
    /// Not denied, as far as this Redis has the denials.
    NotDenied {
        /// For so long it has received every denial. A token that was issued earlier may have
        /// been denied in a list that was lost (a crash, `FLUSHALL`, a failover) or that this
        /// replica could not reach: ask the database. It is a duration, because the clocks of
        /// Redis and of the issuer may differ.
        covered: Duration,
        /// An answer of the database stays valid in this epoch; `None` if there is none.
        epoch: Option<DataEpoch>,
    },
}

impl Cache {
    /// Denies `key` for `ttl`, the remaining life of the token. The key must not be the
    /// token itself and must be the same for every spelling of it: issuer and `jti`, not
    /// the hash of a token (OWASP JSON Web Token cheat sheet).
    pub async fn deny(&self, key: &str, ttl: Duration) -> Written {
        self.deny_all(&[key.to_owned()], ttl).await
    }

    /// As [`Cache::deny`], for several keys.
    pub async fn deny_all(&self, keys: &[String], ttl: Duration) -> Written {
        let keys = keys.iter().map(|key| self.link.key(KIND, key)).collect();
        self.retries.write(&self.link, keys, ttl).await
    }

    /// Looks up `key`.
    ///
    /// # Errors
    /// If Redis does not answer: then ask the database.
    pub async fn is_denied(&self, key: &str) -> Result<Denial, CacheDown> {
        let start = self.link.trust.start_call();
        let mut call = GET.key(self.link.key(KIND, key));
        call.key(self.link.since_key());
        let (now, is_denied, kept_since): (i64, bool, i64) = self
            .link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await?;
        if is_denied {
            return Ok(Denial::Denied);
        }
        let coverage = self.link.trust.coverage(start, now, kept_since);
        Ok(Denial::NotDenied {
            covered: coverage.map_or(Duration::ZERO, |(covered, _)| covered),
            epoch: coverage.map(|(_, epoch)| epoch),
        })
    }
}
