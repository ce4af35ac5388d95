//! Sessions in one place: the database is the source of truth, and Redis is its cache.
//!
//! A request costs one round trip to Redis, which finds the session, and sometimes a
//! second one that extends its idle timeout (`cache/src/fast_path.rs`). A session that Redis
//! does not have, or cannot be trusted about, is read from the database and written to
//! Redis. Every change is committed to the database before the reply, then written to
//! Redis. A logout is a tombstone in Redis, which a slow reader cannot overwrite
//! (`cache/src/scripts`).
//!
//! Why an ended session never becomes valid again:
//! - Redis flushed, restarted or failed over: `cache` refuses writes of values that were
//!   read before.
//! - Redis unavailable during a logout: the write of the tombstone is retried, and a
//!   replica with failed writes trusts only entries that were made since.
//! - One replica cut off from Redis, or killed before the write: all replicas also poll
//!   the database for revocations (`revocation_feed.rs`). A logout that did not reach
//!   Redis is answered after all have polled, and a replica whose feed lags asks the
//!   database.
//! - Database unavailable: no session can end, because a logout is committed before the
//!   reply. A replica that lagged when the outage began refuses, because it may miss a
//!   logout from before.
//!
//! One gap remains, so that a database outage does not log every user out: a replica that
//! alone cannot reach the database trusts Redis. It misses a logout at another replica that
//! can reach the database but not Redis.
//!
//! Why a session in use does not die: Redis knows every use, the database some. While Redis
//! has the session and is known, the session was used within its idle time, whatever the
//! database says. Without Redis the last written use counts, so a session may die early, by
//! up to the interval of the writes, and never late.

mod database;
mod known_ids;
mod lifecycle;
mod pending_uses;
mod single_flight;
mod view;

use super::{SessionError, SessionId, SessionLimits};
use crate::clock::now;
use crate::limits::UnknownIds;
use crate::revocation_feed::{self, FeedStatus, RevocationFeed};
use cache::{Cache, Found, RedisTime, SessionCopy};
use database::{Access, Database, InRedis, Lookup, NotLive};
use http_edge::time_limit::within;
use known_ids::KnownIds;
use records::{Member, Records, sessions};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One cache hit in this many is verified against the database, so that this path is
/// exercised before it is needed.
const VERIFY_ONE_IN: u64 = 1_000;

/// Longest wait for the database to verify a cache hit, or to list the files of a session
/// that Redis lists, too.
const VERIFY_TIMEOUT: Duration = Duration::from_millis(250);

/// A use is written to the database if the last written one is older than the idle timeout
/// divided by this, or than [`MAX_USE_WRITE_INTERVAL`]. If Redis is lost, the last use is
/// known to within that time.
const USE_WRITES_PER_IDLE_TIMEOUT: u32 = 10;

/// See [`USE_WRITES_PER_IDLE_TIMEOUT`].
const MAX_USE_WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// A session as Redis stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CachedSession {
    member: Member,
    epoch: i64,
    created_at: i64,
    last_seen_at: i64,
}

/// The sessions of all replicas. Clones belong to one replica.
#[derive(Clone)]
pub struct Central {
    records: Records,
    cache: Cache,
    limits: SessionLimits,
    database: Database,
    known_ids: KnownIds,
    /// See [`VERIFY_ONE_IN`].
    verify_one_in: u64,
    revocation_feed: RevocationFeed,
}

impl Central {
    /// One replica's access to the sessions. It polls the database for revocations as
    /// long as a clone lives; must be called in a Tokio runtime.
    #[must_use]
    pub fn new(records: Records, cache: Cache, limits: SessionLimits) -> Self {
        let revocation_feed = start_feed(records.clone(), cache.clone(), limits.absolute);
        let database = Database::new(records.clone(), cache.clone(), limits);
        Self {
            records,
            cache,
            limits,
            database,
            known_ids: KnownIds::default(),
            verify_one_in: VERIFY_ONE_IN,
            revocation_feed,
        }
    }

    /// Returns the session's owner. Each use restarts the idle timeout, reads included.
    ///
    /// # Errors
    /// When no live session has this id, or no store answers.
    pub async fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        self.authenticate(&id.hash(), Access::Use, None).await
    }

    /// The same for a request that may have a made-up id. Only a lookup in the database
    /// counts. An id is not made up if Redis has any copy of its session, or if this replica
    /// has found it live before: it is served however many made-up ids came from there.
    /// While Redis does not answer or has lost its data, other ids may be made up.
    ///
    /// # Errors
    /// As [`Central::touch`]; `TooManyUnknown` when too many unknown ids came from there.
    pub(crate) async fn touch_from(
        &self,
        id: &SessionId,
        unknown: &UnknownIds,
    ) -> Result<Member, SessionError> {
        self.authenticate(&id.hash(), Access::Use, Some(unknown)).await
    }

    /// The same without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id, or no store answers.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        self.authenticate(&id.hash(), Access::Peek, None).await
    }

    async fn authenticate(
        &self,
        session_id_hash: &str,
        access: Access,
        unknown: Option<&UnknownIds>,
    ) -> Result<Member, SessionError> {
        let found = self.find(session_id_hash, access, unknown).await;
        match &found {
            Ok(_) => self.known_ids.add(session_id_hash),
            Err(SessionError::Unavailable) => {}
            Err(_) => self.known_ids.remove(session_id_hash),
        }
        found
    }

    async fn find(
        &self,
        session_id_hash: &str,
        access: Access,
        unknown: Option<&UnknownIds>,
    ) -> Result<Member, SessionError> {
        let feed = self.revocation_feed.status();
        let found = match access {
            Access::Use => {
                self.cache.use_session(session_id_hash, self.limits.idle).await
            }
            Access::Peek => self.cache.peek_session(session_id_hash).await,
        };
        let (in_redis, redis_read_at, counter) = match found {
            Ok(Found::Ended) => return Err(SessionError::Unknown),
            Ok(Found::Live { copy, now, .. }) => {
                metrics::counter!("upload_server_session_cache_hits_total").increment(1);
                return self.use_cached(session_id_hash, access, copy, now, feed).await;
            }
            Ok(Found::Miss { now, has_copy, in_use }) => {
                let in_redis = match (has_copy, in_use) {
                    (_, true) => InRedis::InUse,
                    (true, false) => InRedis::Unsure,
                    (false, false) => self.without_redis(session_id_hash),
                };
                (in_redis, Some(now), "upload_server_session_cache_misses_total")
            }
            Err(_) => {
                let in_redis = self.without_redis(session_id_hash);
                (in_redis, None, "upload_server_session_cache_fallbacks_total")
            }
        };
        metrics::counter!(counter).increment(1);
        let lookup = Lookup { access, in_redis };
        self.look_up(session_id_hash, lookup, redis_read_at, unknown).await
    }

    /// What is known about an id of which Redis says nothing.
    fn without_redis(&self, session_id_hash: &str) -> InRedis {
        if self.known_ids.contains(session_id_hash) {
            InRedis::Unsure
        } else {
            InRedis::Nothing
        }
    }

    /// Asks the database about an id that Redis does not confirm.
    async fn look_up(
        &self,
        session_id_hash: &str,
        lookup: Lookup,
        redis_read_at: Option<RedisTime>,
        unknown: Option<&UnknownIds>,
    ) -> Result<Member, SessionError> {
        if let Some(unknown) = unknown
            && lookup.in_redis == InRedis::Nothing
        {
            unknown.check()?;
        }
        match self.database.read_shared(session_id_hash, lookup, redis_read_at).await {
            Ok(session) => Ok(session.member),
            Err(NotLive::Unknown) => {
                if let Some(unknown) = unknown {
                    unknown.count().await?;
                }
                Err(SessionError::Unknown)
            }
            Err(reason) => Err(reason.into()),
        }
    }

    /// Uses the cached copy for a short time if this replica's revocation feed does not
    /// lag. After that time the database records the use and verifies the session. If it
    /// does not answer, the cached copy counts, unless this replica lags: then it may miss
    /// a logout from before the outage.
    async fn use_cached(
        &self,
        session_id_hash: &str,
        access: Access,
        copy: SessionCopy<CachedSession>,
        at: RedisTime,
        feed: FeedStatus,
    ) -> Result<Member, SessionError> {
        let longest = use_write_interval(&self.limits);
        let due = match access {
            Access::Use => now() - copy.session.last_seen_at >= milliseconds(longest),
            Access::Peek => at.since(copy.read_at).is_none_or(|age| age >= longest),
        };
        let sampled = self.database.is_sampled(self.verify_one_in);
        let lags = feed == FeedStatus::Lagging;
        if feed == FeedStatus::DatabaseDown || !(lags || due || sampled) {
            if due && access == Access::Use {
                self.database.remember_use(session_id_hash);
            }
            return Ok(copy.session.member);
        }
        metrics::counter!("upload_server_session_cache_revalidations_total").increment(1);
        let lookup = Lookup { access, in_redis: InRedis::InUse };
        let asked = self.database.read_shared(session_id_hash, lookup, Some(at));
        if lags {
            return Ok(asked.await?.member);
        }
        match within("session verification", VERIFY_TIMEOUT, asked).await {
            Ok(Ok(session)) => Ok(session.member),
            Err(_) | Ok(Err(NotLive::Unavailable)) => {
                if access == Access::Use {
                    self.database.remember_use(session_id_hash);
                }
                Ok(copy.session.member)
            }
            Ok(Err(ended)) => {
                metrics::counter!("upload_server_session_cache_stale_hits_total")
                    .increment(1);
                tracing::warn!(
                    session = &session_id_hash[..8],
                    "Redis had a session that has ended"
                );
                Err(ended.into())
            }
        }
    }
}

/// Polls for revoked sessions and writes them to Redis. `lifetime` is the absolute timeout
/// of a session.
fn start_feed(records: Records, cache: Cache, lifetime: Duration) -> RevocationFeed {
    let query: revocation_feed::Query =
        |tx, end| Box::pin(async move { sessions::revoked_after(tx, &end).await });
    RevocationFeed::start(records, query, move |revoked| {
        let cache = cache.clone();
        async move {
            // If the write is queued, this replica trusts no older entry.
            let _now_or_later = cache.invalidate_sessions(&revoked, lifetime).await;
        }
    })
}

/// Time for which uses of a session are not written to the database.
fn use_write_interval(limits: &SessionLimits) -> Duration {
    (limits.idle / USE_WRITES_PER_IDLE_TIMEOUT).min(MAX_USE_WRITE_INTERVAL)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests;
