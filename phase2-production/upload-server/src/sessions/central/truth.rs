//! The truth about sessions, asked by few and shared by many.
//!
//! The read that every request may need is single-flight per session and capped per replica:
//! when Redis is away, all its requests come here, and the database must still have room for
//! logins and uploads. The one that shows a session to its owner is neither.

use super::flights::Flights;
use super::{
    Copied, SessionError, SessionLimits, duration, milliseconds, now, unseen_for,
};
use crate::in_full::in_full;
use cache::{Cache, CacheDown, Filled, Moment, SessionCopy};
use records::sessions::{self, Found, Session};
use records::{AnyConnection, Records, RecordsError, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Sessions read at once by one replica: half of its connections.
const READS_AT_ONCE: usize = 4;

/// How long a read may take, waiting for its turn included.
const LONGEST_READ: Duration = Duration::from_millis(1500);

/// Whether a look at a session is a use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Use,
    Peek,
}

/// One replica's way to the truth.
#[derive(Clone)]
pub(super) struct Truth {
    records: Records,
    cache: Cache,
    limits: SessionLimits,
    flights: Flights<(String, Asked), Result<Session, SessionError>>,
    turns: Arc<Semaphore>,
    hits: Arc<AtomicU64>,
}

impl Truth {
    pub(super) fn new(records: Records, cache: Cache, limits: SessionLimits) -> Self {
        Self {
            records,
            cache,
            limits,
            flights: Flights::default(),
            turns: Arc::new(Semaphore::new(READS_AT_ONCE)),
            hits: Arc::default(),
        }
    }

    /// Whether this hit of the cache is one of the few that are compared with the truth.
    pub(super) fn is_turn_of_the_few(&self, one_in: u64) -> bool {
        self.hits.fetch_add(1, Ordering::Relaxed) % one_in == one_in - 1
    }

    /// Reads a session, writes down that it is used, and caches it if Redis was asked
    /// before.
    ///
    /// # Errors
    /// When it is dead, or cannot be read in time.
    pub(super) async fn ask(
        &self,
        proof: &str,
        asked: Asked,
        redis_asked_at: Option<Moment>,
    ) -> Result<Session, SessionError> {
        let (truth, of) = (self.clone(), proof.to_owned());
        let question = async move {
            let read = truth.read_and_fill(&of, asked, redis_asked_at);
            let read = tokio::time::timeout(LONGEST_READ, read).await;
            read.unwrap_or(Err(SessionError::CannotKnow))
        };
        let answer = self.flights.ask((proof.to_owned(), asked), question).await;
        answer.unwrap_or(Err(SessionError::CannotKnow))
    }

    async fn read_and_fill(
        &self,
        proof: &str,
        asked: Asked,
        redis_asked_at: Option<Moment>,
    ) -> Result<Session, SessionError> {
        let found = self.read(proof, asked).await?;
        let session = match found {
            Found::Live(session) => session,
            Found::Expired => return Err(SessionError::Expired),
            Found::Unknown => return Err(SessionError::Unknown),
            Found::Revoked { .. } => {
                // So that asking for it again and again does not come here.
                let proofs = [proof.to_owned()];
                self.cache.forget_sessions(&proofs, self.limits.absolute).await;
                return Err(SessionError::Unknown);
            }
        };
        if let Some(asked_at) = redis_asked_at {
            let used = asked == Asked::Use;
            if self.fill(&session, asked_at, used).await == Ok(Filled::Ended) {
                return Err(SessionError::Unknown);
            }
        }
        Ok(session)
    }

    /// The one read of a flight. Whoever waits for it may give up; it ends later, and keeps
    /// its turn until then, because it keeps its connection.
    pub(super) async fn read(
        &self,
        proof: &str,
        asked: Asked,
    ) -> Result<Found, SessionError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| SessionError::CannotKnow)?;
        let (proof, limits) = (proof.to_owned(), self.limits);
        let records = self.records.clone();
        let found = in_full(async move {
            let _turn = turn;
            let read = records.run(Scope::Proof(proof.clone()), move |tx| {
                Box::pin(async move { read(tx, &proof, asked, &limits).await })
            });
            read.await
        });
        found.await.map_err(cannot_know)
    }

    /// A session with the names of its files.
    pub(super) async fn with_files(
        &self,
        proof: &str,
    ) -> Result<(Session, Vec<String>), SessionError> {
        let (proof, limits) = (proof.to_owned(), self.limits);
        let found = self.records.run(Scope::Proof(proof.clone()), move |tx| {
            Box::pin(async move {
                let found = read(tx, &proof, Asked::Use, &limits).await?;
                let files = match found {
                    Found::Live(_) => sessions::files(tx, &proof).await?,
                    _ => Vec::new(),
                };
                Ok((found, files))
            })
        });
        match found.await.map_err(cannot_know)? {
            (Found::Live(session), files) => Ok((session, files)),
            (Found::Expired, _) => Err(SessionError::Expired),
            (Found::Revoked { .. } | Found::Unknown, _) => Err(SessionError::Unknown),
        }
    }

    /// Caches what was read after Redis was asked at `asked_at`.
    pub(super) async fn fill(
        &self,
        session: &Session,
        asked_at: Moment,
        used: bool,
    ) -> Result<Filled, CacheDown> {
        let copy = SessionCopy {
            version: session.version,
            ends_at: session.expires_at,
            read_at: asked_at,
            session: Copied {
                member: session.member.clone(),
                epoch: session.epoch,
                created_at: session.created_at,
                last_seen_at: session.last_seen_at,
            },
        };
        let left = duration(session.ends_at() - now()).min(self.limits.idle);
        let left = if used { self.limits.idle } else { left };
        self.cache.fill_session(&session.proof, &copy, left).await
    }
}

/// Finds a session and, if it is a use, writes that down when it is time to: an old use is
/// as good as a new one for as long as [`unseen_for`] says.
async fn read(
    tx: &mut AnyConnection,
    proof: &str,
    asked: Asked,
    limits: &SessionLimits,
) -> Result<Found, RecordsError> {
    let now = now();
    let found = sessions::find(tx, proof, now).await?;
    let Found::Live(mut session) = found else {
        return Ok(found);
    };
    let unseen = now - session.last_seen_at;
    if asked == Asked::Use && unseen >= milliseconds(unseen_for(limits)) {
        if !sessions::seen(tx, proof, now).await? {
            // It died between the two statements.
            return sessions::find(tx, proof, now).await;
        }
        session.last_seen_at = now;
    }
    Ok(Found::Live(session))
}

/// The silence that the truth allows: its last use may be that much older than the real one.
pub(super) fn longest_silence(limits: &SessionLimits) -> i64 {
    milliseconds(limits.idle + unseen_for(limits))
}

/// Whatever the truth failed of, it said neither yes nor no.
#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
pub(super) fn cannot_know(error: RecordsError) -> SessionError {
    tracing::error!(%error, "the truth about sessions does not answer");
    SessionError::CannotKnow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Busy;
    use backing_services::{Backing, redis};
    use records::PoolLimits;

    #[tokio::test]
    async fn a_read_that_nobody_waits_for_any_more_keeps_its_turn_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let redis = redis(Backing::Embedded, folder.path()).await.unwrap();
        let cache = Cache::open(&redis.url, cache::Limits::default()).await.unwrap();
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.path().display());
        Records::migrate(&url).await.unwrap();
        let records = Records::open(&url, PoolLimits::default()).await.unwrap();
        let hour = Duration::from_secs(3600);
        let limits =
            SessionLimits { idle: hour, absolute: hour, max_live: 1, max_per_user: 1 };
        let truth = Truth::new(records.clone(), cache, limits);

        let busy = Busy::with(&records).await;
        let asked = (0..READS_AT_ONCE).map(|number| {
            let truth = truth.clone();
            async move { truth.ask(&format!("{number:064}"), Asked::Use, None).await }
        });
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers, vec![Err(SessionError::CannotKnow); READS_AT_ONCE]);
        assert_eq!(truth.turns.available_permits(), 0, "the reads are under way");
        busy.end().await;
        let all = u32::try_from(READS_AT_ONCE).unwrap();
        let back = truth.turns.acquire_many(all);
        let back = tokio::time::timeout(Duration::from_secs(15), back).await;
        assert!(back.is_ok(), "each turn is given back");
    }
}
