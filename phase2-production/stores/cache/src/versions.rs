//! The version of a user: tokens carry this number, and those with another one are
//! invalid.
//!
//! It uses the scripts of sessions, because it has the same race: a slow reader that
//! stores an outdated value. The key is the deployment, `version:` and the user name.

use crate::error::CacheDown;
use crate::identity::RedisTime;
use crate::retry_queue::Written;
use crate::sessions::{Filled, Found, SessionCopy};
use crate::{Cache, sessions};
use std::time::Duration;

/// The result of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The cached version; no invalidation has arrived since.
    Current(i64),
    /// Recently invalidated: read the database, and cache nothing.
    Invalidated,
    /// No usable copy: read the database, and fill with `now`.
    Unknown {
        /// Redis' time.
        now: RedisTime,
    },
}

impl Cache {
    /// Looks up the version of a user.
    ///
    /// # Errors
    /// If Redis does not answer: then ask the database.
    pub async fn version(&self, user: &str) -> Result<Version, CacheDown> {
        Ok(match self.look_up::<i64>(self.version_key(user), sessions::PEEK).await? {
            Found::Live { copy, .. } => Version::Current(copy.session),
            Found::Ended => Version::Invalidated,
            Found::Miss { now, .. } => Version::Unknown { now },
        })
    }

    /// Caches a version that was read from the database after the time `asked`, until
    /// `ends_at` (milliseconds since 1970).
    ///
    /// # Errors
    /// If Redis does not answer or is full. No data is lost: the version can be read
    /// again.
    pub async fn fill_version(
        &self,
        user: &str,
        version: i64,
        asked: RedisTime,
        ends_at: i64,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy { version, ends_at, read_at: asked, session: version };
        self.fill(self.version_key(user), &copy, Duration::MAX).await
    }

    /// Invalidates versions after a change in the database: for `ttl` no replica can fill
    /// them. A failed write is retried later.
    pub async fn invalidate_versions(&self, users: &[String], ttl: Duration) -> Written {
        let keys = users.iter().map(|user| self.version_key(user)).collect();
        self.retries.write(&self.link, keys, ttl).await
    }

    fn version_key(&self, user: &str) -> String {
        self.link.key("version", user)
    }
}
