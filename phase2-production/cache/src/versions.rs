//! The version of a user: a number that what was signed for them must name, or it is dead.
//!
//! Cached by the scripts that cache sessions, because it has the same enemy: a slow reader
//! that puts back what has just been changed. The key is `version:` and the user's name.

use crate::error::CacheDown;
use crate::lasting::Written;
use crate::sessions::{Filled, Found, Moment, SessionCopy};
use crate::{Cache, sessions};
use std::time::Duration;

/// What Redis knows of a user's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// This was it when it was cached, and nobody said since that it changed.
    Is(i64),
    /// It changed a moment ago: ask the truth, and cache nothing.
    Unsettled,
    /// Nothing that can be believed: ask the truth, and fill with `now`.
    Unknown {
        /// The time.
        now: Moment,
    },
}

impl Cache {
    /// Looks up the version of a user.
    ///
    /// # Errors
    /// When Redis does not answer: then only the truth knows.
    pub async fn version(&self, user: &str) -> Result<Version, CacheDown> {
        Ok(match self.look_up::<i64>(key(user), sessions::ONLY_LOOK).await? {
            Found::Live { copy, .. } => Version::Is(copy.session),
            Found::Ended => Version::Unsettled,
            Found::Nothing { now } => Version::Unknown { now },
        })
    }

    /// Caches a version that was read from the truth after Redis was asked at `asked`;
    /// until `ends_at` (milliseconds since 1970).
    ///
    /// # Errors
    /// When Redis does not answer, or is full. Nothing is lost: it can be read again.
    pub async fn fill_version(
        &self,
        user: &str,
        version: i64,
        asked: Moment,
        ends_at: i64,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy { version, ends_at, read_at: asked, session: version };
        self.fill(key(user), &copy, Duration::MAX).await
    }

    /// After a change in the truth: for `ttl`, nobody can fill these versions in again. What
    /// cannot be written now is written later.
    pub async fn forget_versions(&self, users: &[String], ttl: Duration) -> Written {
        let keys = users.iter().map(|user| key(user)).collect();
        self.lasting.write(&self.link, keys, ttl).await
    }
}

fn key(user: &str) -> String {
    format!("version:{user}")
}
