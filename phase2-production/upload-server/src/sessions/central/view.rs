//! The data of a session: from the database, or from Redis while the database is
//! unavailable.
//!
//! Redis stores the file list beside the session, because every request reads the session
//! and few need the list. The list is read only during a database outage, so it saves no
//! time otherwise. It is stored at the birth of the session and after each new file, so that
//! every session can be shown in an outage. If the new list cannot be stored, the old one is
//! removed, so that an outdated one is not shown. A replica without access to Redis leaves an
//! outdated list until it has access again, or for good if it is killed first.

use super::{Central, SessionError, SessionId, VERIFY_TIMEOUT, duration, now};
use crate::revocation_feed::FeedStatus;
use crate::sessions::SessionData;
use cache::{CacheDown, Filled, Found, RedisTime, SessionCopy};
use http_edge::time_limit::within;
use records::sessions::Session;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait for the database if Redis has no list.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time after a change in which the list is not cached again: longer than the slowest
/// reader of the old list.
const REFILL_BLOCK: Duration = Duration::from_secs(30);

/// The file list as Redis stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CachedFileList {
    created_at: i64,
    files: Vec<String>,
}

impl Central {
    /// The session's data.
    ///
    /// # Errors
    /// When no live session has this id, or no store answers.
    pub async fn view(&self, id: &SessionId) -> Result<SessionData, SessionError> {
        let session_id_hash = id.hash();
        let database_down = self.revocation_feed.status() == FeedStatus::DatabaseDown;
        let cached = self.cached_file_list(&session_id_hash).await;
        let is_cached = matches!(cached, Ok(Found::Live { .. }));
        let read = match (is_cached, database_down) {
            (true, true) => Err(SessionError::Unavailable),
            (true, false) => self.read_with_files_quickly(&session_id_hash).await,
            (false, _) => {
                self.database.with_files(&session_id_hash, DATABASE_TIMEOUT).await
            }
        };
        match (read, cached) {
            (Ok((session, files)), cached) => {
                if let Ok(Found::Miss { now, .. }) = cached {
                    // A failure to cache the list loses nothing.
                    let _cached =
                        self.cache_file_list(&session, files.clone(), now).await;
                }
                let listed = CachedFileList { created_at: session.created_at, files };
                Ok(self.data(listed, session.expires_at))
            }
            (Err(SessionError::Unavailable), Ok(Found::Live { copy, .. })) => {
                metrics::counter!("upload_server_session_views_from_cache_total")
                    .increment(1);
                Ok(self.data(copy.session, copy.ends_at))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Stores the new file list in Redis, after the database has added a file.
    pub async fn refresh_file_list(&self, id: &SessionId) {
        let session_id_hash = id.hash();
        // Redis must be asked before the database.
        let now = match self.cached_file_list(&session_id_hash).await {
            Ok(Found::Live { now, .. } | Found::Miss { now, .. }) => Some(now),
            Ok(Found::Ended) | Err(_) => None,
        };
        if let Some(now) = now
            && let Ok((session, files)) =
                self.read_with_files_quickly(&session_id_hash).await
        {
            let filled = self.cache_file_list(&session, files, now).await;
            if matches!(filled, Ok(Filled::Stored | Filled::NotNewer)) {
                return;
            }
        }
        let list = [file_list_key(&session_id_hash)];
        let _now_or_later = self.cache.invalidate_sessions(&list, REFILL_BLOCK).await;
    }

    async fn cached_file_list(
        &self,
        session_id_hash: &str,
    ) -> Result<Found<CachedFileList>, CacheDown> {
        self.cache.peek_session(&file_list_key(session_id_hash)).await
    }

    /// Redis can answer instead, so the caller does not wait for a new connection either.
    async fn read_with_files_quickly(
        &self,
        session_id_hash: &str,
    ) -> Result<(Session, Vec<String>), SessionError> {
        let read = self.database.with_files(session_id_hash, VERIFY_TIMEOUT);
        let read =
            within("session view before Redis answers", VERIFY_TIMEOUT, read).await;
        read.unwrap_or(Err(SessionError::Unavailable))
    }

    /// Caches the file list of a session that was read after Redis was asked at
    /// `redis_read_at`.
    pub(super) async fn cache_file_list(
        &self,
        session: &Session,
        files: Vec<String>,
        redis_read_at: RedisTime,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy {
            version: session.version,
            ends_at: session.expires_at,
            read_at: redis_read_at,
            session: CachedFileList { created_at: session.created_at, files },
        };
        let remaining = duration(session.expires_at - now());
        self.cache
            .fill_session(&file_list_key(&session.session_id_hash), &copy, remaining)
            .await
    }

    fn data(&self, listed: CachedFileList, expires_at: i64) -> SessionData {
        let now = now();
        SessionData {
            created_at: u64::try_from(listed.created_at).unwrap_or(0),
            last_activity: u64::try_from(now).unwrap_or(0),
            time_left: duration(expires_at - now).min(self.limits.idle),
            files: listed.files,
        }
    }
}

/// Redis key of the file list. No session hash has this form.
fn file_list_key(session_id_hash: &str) -> String {
    format!("files:{session_id_hash}")
}
