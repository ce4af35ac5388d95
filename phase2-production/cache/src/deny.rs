//! The deny list: tokens that are refused although their signature is valid.

use crate::Cache;
use crate::error::CacheDown;
use crate::retry_queue::Written;
use crate::sessions::SINCE;
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static GET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/deny_get.lua")));

/// The result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The token is denied.
    Denied,
    /// Not denied since this time, as far as this Redis has kept its data.
    NotDeniedSince {
        /// Milliseconds since 1970, by Redis' clock. A token that was issued earlier may
        /// have been denied in a list that was lost (a crash, `FLUSHALL`) or that this
        /// replica could not reach: ask the database.
        since: i64,
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
        let keys = keys.iter().map(|key| denied(key)).collect();
        self.retries.write(&self.link, keys, ttl).await
    }

    /// Looks up `key`.
    ///
    /// # Errors
    /// If Redis does not answer: then ask the database.
    pub async fn is_denied(&self, key: &str) -> Result<Denial, CacheDown> {
        let start = self.link.trust.start_call();
        let mut call = GET.key(denied(key));
        call.key(SINCE);
        let (now, is_denied, kept_since): (i64, bool, i64) = self
            .link
            .call(
                |mut connection| async move { call.invoke_async(&mut connection).await },
            )
            .await?;
        self.link.trust.call_succeeded(start, now);
        if is_denied {
            return Ok(Denial::Denied);
        }
        let trusted_since = self.link.trust.since().unwrap_or(now);
        Ok(Denial::NotDeniedSince { since: kept_since.max(trusted_since) / 1_000 })
    }
}

fn denied(key: &str) -> String {
    format!("denied:{key}")
}
