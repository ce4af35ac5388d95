//! The deny list: proofs that are refused although their signature is good.

use crate::Cache;
use crate::error::CacheDown;
use crate::lasting::Written;
use crate::sessions::SINCE;
use redis::Script;
use std::sync::LazyLock;
use std::time::Duration;

static GET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/deny_get.lua")));

/// What the deny list says of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It was denied.
    Denied,
    /// Nobody denied it since then, as far as this Redis remembers.
    NotSince {
        /// Milliseconds since 1970, by Redis' clock. A proof that was issued before may have
        /// been denied in a list that was lost (a crash, `FLUSHALL`), or in one that this
        /// replica could not reach: ask the truth.
        since: i64,
    },
}

impl Cache {
    /// Denies `key` for `ttl`: the rest of the life of what is denied. The key must not be
    /// the proof itself, and must be the same for every spelling of it: an issuer and a
    /// `jti`, not the hash of a token (OWASP JSON Web Token cheat sheet).
    pub async fn deny(&self, key: &str, ttl: Duration) -> Written {
        self.deny_all(&[key.to_owned()], ttl).await
    }

    /// As [`Cache::deny`], for many at once.
    pub async fn deny_all(&self, keys: &[String], ttl: Duration) -> Written {
        let keys = keys.iter().map(|key| denied(key)).collect();
        self.lasting.write(&self.link, keys, ttl).await
    }

    /// Whether `key` was denied.
    ///
    /// # Errors
    /// When Redis does not answer: then only the truth knows.
    pub async fn is_denied(&self, key: &str) -> Result<Denial, CacheDown> {
        let begun = self.link.doubt.begin();
        let mut call = GET.key(denied(key));
        call.key(SINCE);
        let (now, is_denied, remembers): (i64, bool, i64) = self
            .link
            .ask(|mut connection| async move { call.invoke_async(&mut connection).await })
            .await?;
        self.link.doubt.answered(begun, now);
        if is_denied {
            return Ok(Denial::Denied);
        }
        let sure = self.link.doubt.sure_since().unwrap_or(now);
        Ok(Denial::NotSince { since: remembers.max(sure) / 1_000 })
    }
}

fn denied(key: &str) -> String {
    format!("denied:{key}")
}
