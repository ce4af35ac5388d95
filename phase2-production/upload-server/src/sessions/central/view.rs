//! The data of a session: from the database, or from Redis while the database is
//! unavailable.
//!
//! Redis stores the file list beside the session, because every request reads the session
//! and few need the list. The list is read only during a database outage, so it saves no
//! time otherwise. Adding a file removes the list from Redis, so that an outdated one is
//! not shown. A replica without access to Redis leaves an outdated list until it has
//! access again, or for good if it is killed first.

use super::{Central, SessionError, SessionId, duration, now};
use crate::sessions::SessionData;
use cache::{CacheDown, Filled, Found, RedisTime, SessionCopy};
use records::sessions::Session;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// Longest wait for the database before Redis is used.
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
        let cached = self
            .cache
            .peek_session::<CachedFileList>(&file_list_key(&session_id_hash))
            .await;
        let read =
            timeout(DATABASE_TIMEOUT, self.database.with_files(&session_id_hash)).await;
        match (read.unwrap_or(Err(SessionError::Unavailable)), cached) {
            (Ok((session, files)), cached) => {
                let listed = CachedFileList { created_at: session.created_at, files };
                if let Ok(Found::Miss { now }) = cached {
                    // A failure to cache the list loses nothing.
                    let _cached = self.cache_file_list(&session, &listed, now).await;
                }
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

    /// Removes the file list from Redis, after the database has added a file.
    pub async fn invalidate_file_list(&self, id: &SessionId) {
        let list = [file_list_key(&id.hash())];
        let _now_or_later = self.cache.invalidate_sessions(&list, REFILL_BLOCK).await;
    }

    async fn cache_file_list(
        &self,
        session: &Session,
        listed: &CachedFileList,
        redis_read_at: RedisTime,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy {
            version: session.version,
            ends_at: session.expires_at,
            read_at: redis_read_at,
            session: listed.clone(),
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
