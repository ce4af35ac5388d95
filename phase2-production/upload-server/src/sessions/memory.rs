//! Sessions in this process's memory: Phase 1's map, with production's records.
//!
//! It is the fastest store. Other replicas do not see its sessions, and a restart loses
//! them.

use super::{SessionData, SessionError, SessionId, SessionLimits};
use crate::clock::now_ms;
use api_contract::sessions::MAX_SESSION_FILES;
use records::Member;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use upload_domain::username::Username;

/// Data of one session. It grows with every upload.
#[derive(Debug)]
struct Session {
    member: Member,
    born: Instant,
    last_used: Instant,
    created_at: u64,
    last_activity: u64,
    files: Vec<String>,
}

impl Session {
    fn new(member: &Member) -> Self {
        Self {
            member: member.clone(),
            born: Instant::now(),
            last_used: Instant::now(),
            created_at: now_ms(),
            last_activity: now_ms(),
            files: Vec::new(),
        }
    }

    /// Measured by the monotonic clock.
    fn time_left(&self, limits: &SessionLimits) -> Option<Duration> {
        let life = limits.absolute.checked_sub(self.born.elapsed())?;
        let idle = limits.idle.checked_sub(self.last_used.elapsed())?;
        Some(life.min(idle)).filter(|left| !left.is_zero())
    }

    fn touch(&mut self) {
        self.last_used = Instant::now();
        self.last_activity = now_ms();
    }
}

/// How a session died.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Ended,
    Replaced,
    TimeIsUp,
    ProcessExit,
}

/// All sessions of this process, by id and by owner.
#[derive(Default)]
struct Live {
    sessions: HashMap<SessionId, Session>,
    /// Session ids of each owner, oldest first. A login scans only the owner's sessions
    /// while it holds the lock. There is no empty entry.
    by_owner: HashMap<Username, Vec<SessionId>>,
}

impl Live {
    fn add(&mut self, id: SessionId, session: Session) {
        let owner = session.member.username.clone();
        self.by_owner.entry(owner).or_default().push(id.clone());
        self.sessions.insert(id, session);
        self.report_size();
    }

    /// The sessions of one account, oldest first.
    fn of(&self, username: &Username) -> &[SessionId] {
        self.by_owner.get(username).map_or(&[], Vec::as_slice)
    }

    fn remove(&mut self, id: &SessionId, cause: Cause) {
        let Some(session) = self.sessions.remove(id) else {
            return;
        };
        let owner = &session.member.username;
        if let Some(ids) = self.by_owner.get_mut(owner) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.by_owner.remove(owner);
            }
        }
        self.report_size();
        tracing::info!(
            session = id.label(),
            user = %owner,
            ?cause,
            lived_s = session.born.elapsed().as_secs(),
            files = session.files.len(),
            "session died"
        );
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53 sessions")]
    fn report_size(&self) {
        metrics::gauge!("live_sessions").set(self.sessions.len() as f64);
    }
}

/// All sessions of this process. Clones share the map.
#[derive(Clone)]
pub struct Memory {
    live: Arc<Mutex<Live>>,
    limits: SessionLimits,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        metrics::gauge!("live_sessions").set(0.0);
        Self { live: Arc::default(), limits }
    }

    /// Birth.
    ///
    /// # Errors
    /// When the limit of live sessions is reached.
    pub fn start(&self, member: &Member) -> Result<SessionId, SessionError> {
        let mut live = self.lock();
        self.evict_oldest(&mut live, &member.username);
        if live.sessions.len() >= self.limits.max_live {
            // Expired sessions must not count for the limit.
            self.remove_expired(&mut live);
        }
        if live.sessions.len() >= self.limits.max_live {
            return Err(SessionError::TooMany);
        }
        let id = SessionId::random();
        tracing::info!(session = id.label(), user = %member.username, "session born");
        live.add(id.clone(), Session::new(member));
        Ok(id)
    }

    /// Returns the session's owner and restarts the idle timeout.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        let mut live = self.lock();
        let session = self.live_session(&mut live, id)?;
        session.touch();
        Ok(session.member.clone())
    }

    /// Returns the session's owner without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        Ok(self.live_session(&mut self.lock(), id)?.member.clone())
    }

    /// The session's data.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn view(&self, id: &SessionId) -> Result<SessionData, SessionError> {
        let mut live = self.lock();
        let session = self.live_session(&mut live, id)?;
        Ok(SessionData {
            created_at: session.created_at,
            last_activity: session.last_activity,
            time_left: session.time_left(&self.limits).unwrap_or_default(),
            files: session.files.clone(),
        })
    }

    /// Growth: an update never creates a session.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        let mut live = self.lock();
        let session = self.live_session(&mut live, id)?;
        session.files.push(name.to_owned());
        let excess = session.files.len().saturating_sub(MAX_SESSION_FILES);
        session.files.drain(..excess);
        session.touch();
        Ok(())
    }

    /// Death by logout, on this replica, which is the only one that had the session.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        let mut live = self.lock();
        self.live_session(&mut live, id)?;
        live.remove(id, Cause::Ended);
        Ok(())
    }

    /// Death of all sessions that one account has here. Sessions on other replicas go on,
    /// which is a cost of this design.
    pub fn end_all_of(&self, username: &Username) {
        let mut live = self.lock();
        for id in live.of(username).to_vec() {
            live.remove(&id, Cause::Ended);
        }
    }

    /// Death of all expired sessions.
    pub fn sweep(&self) {
        self.remove_expired(&mut self.lock());
    }

    /// Death of all sessions at shutdown. SIGKILL skips even this.
    pub fn end_of_process(&self) {
        let mut live = self.lock();
        for id in live.sessions.keys().cloned().collect::<Vec<_>>() {
            live.remove(&id, Cause::ProcessExit);
        }
    }

    fn evict_oldest(&self, live: &mut Live, username: &Username) {
        let owned = live.of(username);
        let max_sessions =
            usize::try_from(self.limits.max_per_user).unwrap_or(usize::MAX);
        let excess = (owned.len() + 1).saturating_sub(max_sessions);
        let oldest: Vec<_> = owned.iter().take(excess).cloned().collect();
        for id in oldest {
            live.remove(&id, Cause::Replaced);
        }
    }

    fn remove_expired(&self, live: &mut Live) {
        let dead = |session: &Session| session.time_left(&self.limits).is_none();
        let ids: Vec<_> = live
            .sessions
            .iter()
            .filter(|(_, session)| dead(session))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            live.remove(&id, Cause::TimeIsUp);
        }
    }

    fn live_session<'a>(
        &self,
        live: &'a mut Live,
        id: &SessionId,
    ) -> Result<&'a mut Session, SessionError> {
        let found = live.sessions.get(id).ok_or(SessionError::Unknown)?;
        if found.time_left(&self.limits).is_none() {
            live.remove(id, Cause::TimeIsUp);
            return Err(SessionError::Expired);
        }
        live.sessions.get_mut(id).ok_or(SessionError::Unknown)
    }

    /// A panic under the lock cannot leave a session missing from its owner's list: it is
    /// added after the list entry and removed before it.
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
