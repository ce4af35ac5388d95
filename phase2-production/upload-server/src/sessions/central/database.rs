//! Session reads from the database, shared between concurrent requests.
//!
//! The read that every request may need is single-flight per session and limited per
//! replica. When Redis is unavailable, all its requests come here, and the database must
//! still have connections for logins and uploads. The read of a session's file list has
//! neither.

use super::single_flight::SingleFlight;
use super::{
    CachedSession, SessionError, SessionLimits, duration, milliseconds, now,
    use_write_interval,
};
use crate::run_to_completion::run_to_completion;
use cache::{Cache, CacheDown, Filled, RedisTime, SessionCopy};
use records::sessions::{self, Found, Session};
use records::{AnyConnection, Records, RecordsError, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Concurrent session reads of one replica: half of its connections.
const MAX_CONCURRENT_READS: usize = 4;

/// Longest time for a read, including the wait for a permit.
const READ_TIMEOUT: Duration = Duration::from_millis(1500);

/// Whether an access counts as a use of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Use,
    Peek,
}

/// One replica's access to the database.
#[derive(Clone)]
pub(super) struct Database {
    records: Records,
    cache: Cache,
    limits: SessionLimits,
    reads: SingleFlight<(String, Access), Result<Session, SessionError>>,
    permits: Arc<Semaphore>,
    cache_hits: Arc<AtomicU64>,
}

impl Database {
    pub(super) fn new(records: Records, cache: Cache, limits: SessionLimits) -> Self {
        Self {
            records,
            cache,
            limits,
            reads: SingleFlight::default(),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)),
            cache_hits: Arc::default(),
        }
    }

    /// Whether this cache hit is one of those to verify.
    pub(super) fn is_sampled(&self, one_in: u64) -> bool {
        self.cache_hits.fetch_add(1, Ordering::Relaxed) % one_in == one_in - 1
    }

    /// Reads a session, records the use, and caches it if Redis was read before.
    ///
    /// # Errors
    /// When the session has ended, or the read does not finish in time.
    pub(super) async fn read_shared(
        &self,
        session_id_hash: &str,
        access: Access,
        redis_read_at: Option<RedisTime>,
    ) -> Result<Session, SessionError> {
        let (database, of) = (self.clone(), session_id_hash.to_owned());
        let shared_read = async move {
            let read = database.read_and_fill(&of, access, redis_read_at);
            let read = tokio::time::timeout(READ_TIMEOUT, read).await;
            read.unwrap_or(Err(SessionError::Unavailable))
        };
        let answer =
            self.reads.run((session_id_hash.to_owned(), access), shared_read).await;
        answer.unwrap_or(Err(SessionError::Unavailable))
    }

    async fn read_and_fill(
        &self,
        session_id_hash: &str,
        access: Access,
        redis_read_at: Option<RedisTime>,
    ) -> Result<Session, SessionError> {
        let found = self.read(session_id_hash, access).await?;
        let session = match found {
            Found::Live(session) => session,
            Found::Expired => return Err(SessionError::Expired),
            Found::Unknown => return Err(SessionError::Unknown),
            Found::Revoked { .. } => {
                // Caches the tombstone, so that repeated requests stop at Redis.
                let session_id_hashes = [session_id_hash.to_owned()];
                self.cache
                    .invalidate_sessions(&session_id_hashes, self.limits.absolute)
                    .await;
                return Err(SessionError::Unknown);
            }
        };
        if let Some(redis_read_at) = redis_read_at {
            let used = access == Access::Use;
            if self.fill(&session, redis_read_at, used).await == Ok(Filled::Ended) {
                return Err(SessionError::Unknown);
            }
        }
        Ok(session)
    }

    /// The read behind a single flight. Callers may give up before it ends. It keeps its
    /// permit until it ends, because it keeps its connection.
    pub(super) async fn read(
        &self,
        session_id_hash: &str,
        access: Access,
    ) -> Result<Found, SessionError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| SessionError::Unavailable)?;
        let (session_id_hash, limits) = (session_id_hash.to_owned(), self.limits);
        let records = self.records.clone();
        let found = run_to_completion(async move {
            let _permit = permit;
            let read =
                records.run(Scope::CredentialHash(session_id_hash.clone()), move |tx| {
                    Box::pin(
                        async move { read(tx, &session_id_hash, access, &limits).await },
                    )
                });
            read.await
        });
        found.await.map_err(unavailable)
    }

    /// A session with the names of its files.
    pub(super) async fn with_files(
        &self,
        session_id_hash: &str,
    ) -> Result<(Session, Vec<String>), SessionError> {
        let (session_id_hash, limits) = (session_id_hash.to_owned(), self.limits);
        let found =
            self.records.run(Scope::CredentialHash(session_id_hash.clone()), move |tx| {
                Box::pin(async move {
                    let found = read(tx, &session_id_hash, Access::Use, &limits).await?;
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

    /// Caches a session that was read after Redis was asked at `redis_read_at`.
    pub(super) async fn fill(
        &self,
        session: &Session,
        redis_read_at: RedisTime,
        used: bool,
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
        let remaining = duration(session.ends_at() - now()).min(self.limits.idle);
        let remaining = if used { self.limits.idle } else { remaining };
        self.cache.fill_session(&session.session_id_hash, &copy, remaining).await
    }
}

/// Finds a session and, for a use, records it if the last record is older than
/// [`use_write_interval`].
async fn read(
    tx: &mut AnyConnection,
    session_id_hash: &str,
    access: Access,
    limits: &SessionLimits,
) -> Result<Found, RecordsError> {
    let now = now();
    let found = sessions::find(tx, session_id_hash, now).await?;
    let Found::Live(mut session) = found else {
        return Ok(found);
    };
    let unseen = now - session.last_seen_at;
    if access == Access::Use && unseen >= milliseconds(use_write_interval(limits)) {
        if !sessions::record_use(tx, session_id_hash, now).await? {
            // It ended between the two statements.
            return sessions::find(tx, session_id_hash, now).await;
        }
        session.last_seen_at = now;
    }
    Ok(Found::Live(session))
}

/// Idle timeout in the database, where the recorded last use may be that much older than
/// the real one.
pub(super) fn max_idle_ms(limits: &SessionLimits) -> i64 {
    milliseconds(limits.idle + use_write_interval(limits))
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
    use crate::faults::WriteLock;
    use backing_services::{Backing, redis};
    use records::PoolLimits;

    #[tokio::test]
    async fn abandoned_read_keeps_its_permit_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let redis = redis(Backing::Embedded, folder.path()).await.unwrap();
        let cache = Cache::open(&redis.url, cache::Limits::default()).await.unwrap();
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.path().display());
        Records::migrate(&url).await.unwrap();
        let records = Records::open(&url, PoolLimits::default()).await.unwrap();
        let hour = Duration::from_secs(3600);
        let limits =
            SessionLimits { idle: hour, absolute: hour, max_live: 1, max_per_user: 1 };
        let database = Database::new(records.clone(), cache, limits);

        let lock = WriteLock::hold(&records).await;
        let access = (0..MAX_CONCURRENT_READS).map(|number| {
            let database = database.clone();
            async move {
                database.read_shared(&format!("{number:064}"), Access::Use, None).await
            }
        });
        let answers = futures_util::future::join_all(access).await;
        assert_eq!(answers, vec![Err(SessionError::Unavailable); MAX_CONCURRENT_READS]);
        assert_eq!(database.permits.available_permits(), 0, "all permits are in use");
        lock.release().await;
        let all = u32::try_from(MAX_CONCURRENT_READS).unwrap();
        let back = database.permits.acquire_many(all);
        let back = tokio::time::timeout(Duration::from_secs(15), back).await;
        assert!(back.is_ok(), "every permit is returned");
    }
}
