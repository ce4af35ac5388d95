//! Sessions in one place: the records are the truth, and Redis is their cache.
//!
//! A request costs one round trip to Redis, which finds the session, and now and then a
//! second one that moves its idle time (`cache/src/glance.rs`). What Redis does not know, or
//! cannot be believed about, is read from the records and put into Redis. Everything that
//! must not be lost is committed to the records before it is answered; then Redis is told. A
//! logout is a tombstone there, which no slow reader can overwrite (`cache/src/scripts`).
//!
//! Why no dead session lives again:
//! - Redis emptied, restarted, failed over: `cache` refuses what was read before.
//! - Redis away when a session ends: the tombstone is repeated until it is written, and each
//!   replica that had trouble with Redis believes only copies that were made since.
//! - One replica cut off from Redis, or killed before its tombstone is written: all replicas
//!   hear of every end from the truth as well (`hearsay.rs`). A logout that could not tell
//!   Redis is answered after they have, and a replica that has not heard lately asks the
//!   truth.
//! - The truth away: nothing can end, because an end is committed before it is answered.
//!
//! One way is open, so that a silent truth does not log everybody out: a replica that the
//! truth does not answer believes Redis, and misses what another one ended, which the truth
//! does answer and Redis does not.

mod flights;
mod life;
mod truth;
mod view;

use super::{SessionError, SessionId, SessionLimits};
use crate::clock::now;
use crate::hearsay::{self, Hearsay};
use cache::{Cache, Found, Moment, SessionCopy};
use records::{Member, Records, sessions};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use truth::{Asked, Truth};

/// One read in so many goes to the truth although Redis knows the answer: a way that is
/// never used does not work when it is needed.
const ALWAYS_ASKED: u64 = 1_000;

/// How long a request waits for the truth to confirm what Redis has already answered.
const PATIENCE: Duration = Duration::from_millis(250);

/// The use of a session is written down after this share of its idle time, or after
/// [`LONGEST_UNSEEN`]. Losing Redis, an idle time is known to within that.
const IDLE_SHARE: u32 = 10;

/// See [`IDLE_SHARE`].
const LONGEST_UNSEEN: Duration = Duration::from_secs(60);

/// What Redis keeps for the requests of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Copied {
    member: Member,
    epoch: i64,
    created_at: i64,
    last_seen_at: i64,
}

/// The sessions of all replicas. Clones are the same replica.
#[derive(Clone)]
pub struct Central {
    records: Records,
    cache: Cache,
    limits: SessionLimits,
    truth: Truth,
    /// See [`ALWAYS_ASKED`].
    always_asked: u64,
    hearsay: Hearsay,
}

impl Central {
    /// One replica's way to them. It asks the truth what has ended for as long as a clone
    /// lives; must be called in a Tokio runtime.
    #[must_use]
    pub fn new(records: Records, cache: Cache, limits: SessionLimits) -> Self {
        let hearsay = listen(records.clone(), cache.clone(), limits.absolute);
        let truth = Truth::new(records.clone(), cache.clone(), limits);
        let always_asked = ALWAYS_ASKED;
        Self { records, cache, limits, truth, always_asked, hearsay }
    }

    /// Who is calling. Each use starts the idle time anew, reads included.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        self.look(&id.proof(), Asked::Use).await
    }

    /// Whether it still lives, without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id, or that cannot be known.
    pub async fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        self.look(&id.proof(), Asked::Peek).await
    }

    async fn look(&self, proof: &str, asked: Asked) -> Result<Member, SessionError> {
        let is_behind = self.hearsay.is_behind();
        let found = match asked {
            Asked::Use => self.cache.use_session(proof, self.limits.idle).await,
            Asked::Peek => self.cache.peek_session(proof).await,
        };
        match found {
            Ok(Found::Ended) => Err(SessionError::Unknown),
            Ok(Found::Live { copy, now, .. }) => {
                metrics::counter!("upload_server_session_cache_hits_total").increment(1);
                self.believe(proof, asked, copy, now, is_behind).await
            }
            Ok(Found::Nothing { now }) => {
                metrics::counter!("upload_server_session_cache_misses_total")
                    .increment(1);
                Ok(self.truth.ask(proof, asked, Some(now)).await?.member)
            }
            Err(_) => {
                metrics::counter!("upload_server_session_cache_fallbacks_total")
                    .increment(1);
                Ok(self.truth.ask(proof, asked, None).await?.member)
            }
        }
    }

    /// What Redis says is believed for a short while, if nothing can have ended that this
    /// replica has not heard of. After it the truth is told of the use and asked whether it
    /// agrees; if it does not answer, what Redis said stands.
    async fn believe(
        &self,
        proof: &str,
        asked: Asked,
        copy: SessionCopy<Copied>,
        at: Moment,
        is_behind: bool,
    ) -> Result<Member, SessionError> {
        let longest = unseen_for(&self.limits);
        let due = match asked {
            Asked::Use => now() - copy.session.last_seen_at >= milliseconds(longest),
            Asked::Peek => at.since(copy.read_at) >= longest,
        };
        if !is_behind && !due && !self.truth.is_turn_of_the_few(self.always_asked) {
            return Ok(copy.session.member);
        }
        metrics::counter!("upload_server_session_cache_revalidations_total").increment(1);
        let truth = self.truth.ask(proof, asked, Some(at));
        match tokio::time::timeout(PATIENCE, truth).await {
            Ok(Ok(session)) => Ok(session.member),
            Err(_) | Ok(Err(SessionError::CannotKnow)) => Ok(copy.session.member),
            Ok(Err(dead)) => {
                metrics::counter!("upload_server_session_cache_stale_hits_total")
                    .increment(1);
                tracing::warn!(
                    session = &proof[..8],
                    "Redis knew a session that is dead"
                );
                Err(dead)
            }
        }
    }
}

/// Hears what ended, and tells Redis. `life` is how long a session can live.
fn listen(records: Records, cache: Cache, life: Duration) -> Hearsay {
    let ask: hearsay::Ask =
        |tx, end| Box::pin(async move { sessions::ended_after(tx, &end).await });
    Hearsay::listen(records, ask, move |ended| {
        let cache = cache.clone();
        async move {
            // Told later, Redis had trouble: then this replica believes nothing older.
            let _now_or_later = cache.forget_sessions(&ended, life).await;
        }
    })
}

/// For how long a session may be used without the truth being told.
fn unseen_for(limits: &SessionLimits) -> Duration {
    (limits.idle / IDLE_SHARE).min(LONGEST_UNSEEN)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

#[cfg(test)]
mod tests;
