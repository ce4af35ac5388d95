//! Session reads from the database, shared between concurrent requests.
//!
//! The read that every request may need is single-flight per session and limited per
//! replica. When Redis is unavailable, all its requests come here, and the database must
//! still have connections for logins and uploads. Ids that may be made up have a small limit
//! of their own, so that they do not delay known sessions. The read of a session's file list
//! has neither.
//!
//! A lookup only reads. A use is written if the last written one is old enough, and the
//! answer does not depend on the write: if it fails, it is repeated later.

use super::pending_uses::{self, PendingUses};
use super::single_flight::SingleFlight;
use super::{
    CachedSession, SessionError, SessionLimits, duration, milliseconds, now,
    use_write_interval,
};
use crate::run_to_completion::run_to_completion;
use cache::{Cache, CacheDown, Filled, RedisTime, SessionCopy};
use http_edge::time_limit::within;
use records::sessions::{self, Found, Session};
use records::{Records, RecordsError, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Concurrent session reads of one replica: half of its connections.
const MAX_CONCURRENT_READS: usize = 4;

/// The same for ids that may be made up.
const MAX_CONCURRENT_UNKNOWN: usize = 2;

/// Concurrent writes of uses.
const MAX_CONCURRENT_WRITES: usize = 2;

/// Longest wait for the write of a use.
const WRITE_TIMEOUT: Duration = Duration::from_millis(250);

/// Longest wait for a permit, and then longest time for the read with its connection.
const READ_TIMEOUT: Duration = Duration::from_millis(1500);

/// The name of that limit in the log.
const READ_LIMIT: (&str, Duration) = ("session read", READ_TIMEOUT);

/// Whether an access counts as a use of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Use,
    Peek,
}

/// What Redis says about a session before the database is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum InRedis {
    /// It was used within its idle time, whatever the database says.
    InUse,
    /// Redis has a copy that cannot be trusted; or it has nothing or does not answer, and
    /// this replica has found the session live before. The id is not made up.
    Unsure,
    /// Redis has nothing or does not answer, and this replica does not know the session: the
    /// id may be made up.
    Nothing,
}

/// Why a lookup has found no live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotLive {
    Expired,
    Revoked,
    /// It never existed, or it was swept.
    Unknown,
    Unavailable,
}

impl From<NotLive> for SessionError {
    fn from(reason: NotLive) -> Self {
        match reason {
            NotLive::Expired => Self::Expired,
            NotLive::Revoked | NotLive::Unknown => Self::Unknown,
            NotLive::Unavailable => Self::Unavailable,
        }
    }
}

/// A lookup of one session. Identical ones share a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lookup {
    pub(super) access: Access,
    pub(super) in_redis: InRedis,
}

/// One replica's access to the database.
#[derive(Clone)]
pub(super) struct Database {
    records: Records,
    cache: Cache,
    limits: SessionLimits,
    reads: SingleFlight<(String, Lookup), Result<Session, NotLive>>,
    permits: Arc<Semaphore>,
    unknown_permits: Arc<Semaphore>,
    write_permits: Arc<Semaphore>,
    pending_uses: PendingUses,
    cache_hits: Arc<AtomicU64>,
}

impl Database {
    pub(super) fn new(records: Records, cache: Cache, limits: SessionLimits) -> Self {
        let permits = |count| Arc::new(Semaphore::new(count));
        Self {
            pending_uses: PendingUses::new(records.clone()),
            records,
            cache,
            limits,
            reads: SingleFlight::default(),
            permits: permits(MAX_CONCURRENT_READS),
            unknown_permits: permits(MAX_CONCURRENT_UNKNOWN),
            write_permits: permits(MAX_CONCURRENT_WRITES),
            cache_hits: Arc::default(),
        }
    }

    /// Whether this cache hit is one of those to verify.
    pub(super) fn is_sampled(&self, one_in: u64) -> bool {
        self.cache_hits.fetch_add(1, Ordering::Relaxed) % one_in == one_in - 1
    }

    /// A use that the database has to learn later.
    pub(super) fn remember_use(&self, session_id_hash: &str) {
        self.pending_uses.add(session_id_hash, now());
    }

    /// Reads a session, records the use, and caches it if Redis was read before.
    ///
    /// # Errors
    /// When the session has ended, or the read does not finish in time.
    pub(super) async fn read_shared(
        &self,
        session_id_hash: &str,
        lookup: Lookup,
        redis_read_at: Option<RedisTime>,
    ) -> Result<Session, NotLive> {
        let (database, of) = (self.clone(), session_id_hash.to_owned());
        let shared_read =
            async move { database.read_and_fill(&of, lookup, redis_read_at).await };
        let answer =
            self.reads.run((session_id_hash.to_owned(), lookup), shared_read).await;
        answer.unwrap_or(Err(NotLive::Unavailable))
    }

    async fn read_and_fill(
        &self,
        session_id_hash: &str,
        lookup: Lookup,
        redis_read_at: Option<RedisTime>,
    ) -> Result<Session, NotLive> {
        let asked_at = now();
        let mut found = self.read(session_id_hash, lookup, asked_at).await?;
        if let Found::Live(session) = &mut found
            && lookup.access == Access::Use
            && !self.record_use(session, asked_at).await
        {
            found = self.read(session_id_hash, lookup, asked_at).await?;
        }
        let session = match found {
            Found::Live(session) => session,
            Found::Expired => return Err(NotLive::Expired),
            Found::Unknown => return Err(NotLive::Unknown),
            Found::Revoked { .. } => {
                // Caches the tombstone, so that repeated requests stop at Redis.
                let session_id_hashes = [session_id_hash.to_owned()];
                self.cache
                    .invalidate_sessions(&session_id_hashes, self.limits.absolute)
                    .await;
                return Err(NotLive::Revoked);
            }
        };
        if let Some(redis_read_at) = redis_read_at {
            let used = lookup.access == Access::Use;
            let last_use = if used { asked_at } else { session.last_seen_at };
            if self.fill(&session, redis_read_at, last_use).await == Ok(Filled::Ended) {
                return Err(NotLive::Revoked);
            }
        }
        Ok(session)
    }

    /// The read behind a single flight. Callers may give up before it ends. It keeps its
    /// permit until it ends, because it keeps its connection.
    pub(super) async fn read(
        &self,
        session_id_hash: &str,
        lookup: Lookup,
        asked_at: i64,
    ) -> Result<Found, NotLive> {
        let permits = match lookup.in_redis {
            InRedis::InUse | InRedis::Unsure => &self.permits,
            InRedis::Nothing => &self.unknown_permits,
        };
        let permit = Arc::clone(permits).acquire_owned();
        let permit = within("session read permit", READ_TIMEOUT, permit).await;
        let permit = permit.map_err(|_reached| NotLive::Unavailable)?;
        let permit = Arc::new(permit.map_err(|_closed| NotLive::Unavailable)?);
        let used_at = if lookup.in_redis == InRedis::InUse { asked_at } else { 0 };
        let hash = session_id_hash.to_owned();
        let scope = Scope::CredentialHash(hash.clone());
        let found = self.records.read_within(READ_LIMIT, scope, move |tx| {
            Box::pin(async move {
                let _permit = permit;
                sessions::find_used(tx, &hash, asked_at, used_at).await
            })
        });
        found.await.map_err(|error| {
            unavailable(error);
            NotLive::Unavailable
        })
    }

    /// Records a use of a live session if the last record is older than
    /// [`use_write_interval`]. Returns `false` if the session ended in between. If the
    /// database does not write in time, it is repeated later.
    async fn record_use(&self, session: &mut Session, at: i64) -> bool {
        let unrecorded = at - session.last_seen_at;
        if unrecorded < milliseconds(use_write_interval(&self.limits)) {
            return true;
        }
        let (records, hash) = (self.records.clone(), session.session_id_hash.clone());
        let permits = Arc::clone(&self.write_permits);
        let write = async move {
            let permit = permits.acquire_owned().await;
            let _permit = permit.map_err(RecordsError::unavailable)?;
            pending_uses::record(&records, hash, at).await
        };
        // The write continues when its time is over, and keeps its permit.
        let write = run_to_completion(write);
        match within("session use", WRITE_TIMEOUT, write).await {
            Ok(Ok(is_live)) => {
                session.last_seen_at = at;
                is_live
            }
            Ok(Err(_)) | Err(_) => {
                self.pending_uses.add(&session.session_id_hash, at);
                true
            }
        }
    }

    /// A session that the caller has just used, with the names of its files. `limit` is
    /// that of the read with a connection.
    pub(super) async fn with_files(
        &self,
        session_id_hash: &str,
        limit: Duration,
    ) -> Result<(Session, Vec<String>), SessionError> {
        let session_id_hash = session_id_hash.to_owned();
        let scope = Scope::CredentialHash(session_id_hash.clone());
        let limit = ("session view", limit);
        let found = self.records.read_within(limit, scope, move |tx| {
            Box::pin(async move {
                let now = now();
                let found = sessions::find_used(tx, &session_id_hash, now, now).await?;
                let files = match found {
                    Found::Live(_) => sessions::files(tx, &session_id_hash).await?,
                    _ => Vec::new(),
                };
                Ok((found, files))
            })
        });
        match found.await.map_err(unavailable)? {
            (Found::Live(session), files) => Ok((session, files)),
            (Found::Expired, _) => Err(SessionError::Expired),
            (Found::Revoked { .. } | Found::Unknown, _) => Err(SessionError::Unknown),
        }
    }

    /// Caches a session that was read after Redis was asked at `redis_read_at`, until its
    /// idle time after `last_use` is over.
    pub(super) async fn fill(
        &self,
        session: &Session,
        redis_read_at: RedisTime,
        last_use: i64,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy {
            version: session.version,
            ends_at: session.expires_at,
            read_at: redis_read_at,
            session: CachedSession {
                member: session.member.clone(),
                epoch: session.epoch,
                created_at: session.created_at,
                last_seen_at: session.last_seen_at,
            },
        };
        let idle_end = last_use.saturating_add(milliseconds(self.limits.idle));
        let remaining = duration(idle_end.min(session.expires_at) - now());
        // A replica whose clock is behind must not keep a copy for longer.
        let remaining = remaining.min(self.limits.idle);
        self.cache.fill_session(&session.session_id_hash, &copy, remaining).await
    }
}

/// Any database error leaves the session's state unknown.
#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
pub(super) fn unavailable(error: RecordsError) -> SessionError {
    tracing::error!(%error, "the session database does not answer");
    SessionError::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;
    use backing_services::{Backing, redis};
    use records::PoolLimits;

    fn session_limits() -> SessionLimits {
        let hour = Duration::from_secs(3600);
        SessionLimits { idle: hour, absolute: hour, max_live: 1, max_per_user: 1 }
    }

    async fn records(folder: &std::path::Path) -> Records {
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.display());
        Records::migrate(&url).await.unwrap();
        Records::open(&url, PoolLimits::default()).await.unwrap()
    }

    #[tokio::test]
    async fn abandoned_read_keeps_its_permit_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let redis = redis(Backing::Embedded, folder.path()).await.unwrap();
        let limits = cache::Limits::default();
        let cache = Cache::open(&redis.url, "test", limits).await.unwrap();
        let records = records(folder.path()).await;
        let database = Database::new(records.clone(), cache, session_limits());

        let (done, is_done) = tokio::sync::watch::channel(false);
        let readers = (0..MAX_CONCURRENT_READS).map(|_| {
            let (records, mut is_done) = (records.clone(), is_done.clone());
            tokio::spawn(async move {
                let read = records.read(Scope::Housekeeping, move |_tx| {
                    Box::pin(async move {
                        let done = is_done.wait_for(|done| *done).await;
                        done.map(drop).map_err(RecordsError::broken)
                    })
                });
                read.await
            })
        });
        let readers: Vec<_> = readers.collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        let access = (0..MAX_CONCURRENT_READS).map(|number| {
            let database = database.clone();
            async move {
                let lookup = Lookup { access: Access::Use, in_redis: InRedis::Unsure };
                database.read_shared(&format!("{number:064}"), lookup, None).await
            }
        });
        let answers = futures_util::future::join_all(access).await;
        assert_eq!(answers, vec![Err(NotLive::Unavailable); MAX_CONCURRENT_READS]);
        assert_eq!(database.permits.available_permits(), 0, "all permits are in use");
        done.send(true).unwrap();
        for reader in readers {
            reader.await.unwrap().unwrap();
        }
        let all = u32::try_from(MAX_CONCURRENT_READS).unwrap();
        let back = database.permits.acquire_many(all);
        let back = tokio::time::timeout(Duration::from_secs(15), back).await;
        assert!(back.is_ok(), "every permit is returned");
    }
}
