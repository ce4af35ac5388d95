//! What is remembered of a session: asked of the truth, and of Redis while that is away.
//!
//! The list of files lies in Redis beside the session and not in it, because every request
//! reads the session and few want the list. It is never read while the truth answers, so it
//! is no faster: it is for the day on which the truth is silent. Whoever adds a file takes
//! the list away, so that an old one is not shown then; only a replica that cannot reach
//! Redis may leave one there, until it can, or one that is killed at that moment.

use super::{Central, SessionError, SessionId, duration, now};
use crate::sessions::Remembered;
use cache::{CacheDown, Filled, Found, Moment, SessionCopy};
use records::sessions::Session;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// How long the truth may take before Redis is believed.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long after a change nobody may put a list back: longer than the slowest reader
/// that read the old one.
const UNSETTLED: Duration = Duration::from_secs(30);

/// What Redis keeps for the day on which the truth is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    created_at: i64,
    files: Vec<String>,
}

impl Central {
    /// What is remembered.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn view(&self, id: &SessionId) -> Result<Remembered, SessionError> {
        let proof = id.proof();
        let copied = self.cache.peek_session::<Listed>(&beside(&proof)).await;
        let read = timeout(PATIENCE, self.truth.with_files(&proof)).await;
        match (read.unwrap_or(Err(SessionError::CannotKnow)), copied) {
            (Ok((session, files)), copied) => {
                let listed = Listed { created_at: session.created_at, files };
                if let Ok(Found::Nothing { now }) = copied {
                    // Nothing is lost if it cannot be kept.
                    let _kept = self.keep(&session, &listed, now).await;
                }
                Ok(self.remembered(listed, session.expires_at))
            }
            (Err(SessionError::CannotKnow), Ok(Found::Live { copy, .. })) => {
                metrics::counter!("upload_server_session_views_from_cache_total")
                    .increment(1);
                Ok(self.remembered(copy.session, copy.ends_at))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Takes the list in Redis away, after the records have added a file.
    pub async fn show_files_anew(&self, id: &SessionId) {
        let list = [beside(&id.proof())];
        let _now_or_later = self.cache.forget_sessions(&list, UNSETTLED).await;
    }

    async fn keep(
        &self,
        session: &Session,
        listed: &Listed,
        asked_at: Moment,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy {
            version: session.version,
            ends_at: session.expires_at,
            read_at: asked_at,
            session: listed.clone(),
        };
        let left = duration(session.expires_at - now());
        self.cache.fill_session(&beside(&session.proof), &copy, left).await
    }

    fn remembered(&self, listed: Listed, expires_at: i64) -> Remembered {
        let now = now();
        Remembered {
            created_at: u64::try_from(listed.created_at).unwrap_or(0),
            last_activity: u64::try_from(now).unwrap_or(0),
            time_left: duration(expires_at - now).min(self.limits.idle),
            files: listed.files,
        }
    }
}

/// The key of the list; no proof looks like it.
fn beside(proof: &str) -> String {
    format!("files:{proof}")
}
