//! Sessions in this process's memory: Phase 1's map, beside production's records.
//!
//! It is the fastest there is and knows nothing of other replicas: what one of them
//! remembers, no other does, and none after a restart.

use super::{Remembered, SessionError, SessionId, SessionLimits};
use crate::clock::now_ms;
use api_contract::sessions::MOST_FILES_REMEMBERED;
use records::Member;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use upload_domain::username::Username;

/// What is remembered of one caller. It grows with every upload.
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

    /// Time is measured by a clock that nobody can turn back.
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

/// Everybody who is known here, by id and by owner.
#[derive(Default)]
struct Live {
    sessions: HashMap<SessionId, Session>,
    /// The ids of each owner's sessions, oldest first: a login looks through those of one
    /// person, and not through everybody's while all others wait. No owner has none.
    by_owner: HashMap<Username, Vec<SessionId>>,
}

impl Live {
    fn add(&mut self, id: SessionId, session: Session) {
        let owner = session.member.username.clone();
        self.by_owner.entry(owner).or_default().push(id.clone());
        self.sessions.insert(id, session);
        self.report_size();
    }

    /// The sessions of one person, oldest first.
    fn of(&self, username: &Username) -> &[SessionId] {
        self.by_owner.get(username).map_or(&[], Vec::as_slice)
    }

    fn bury(&mut self, id: &SessionId, cause: Cause) {
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

/// All sessions of this process. Clones share the map; the map is the state.
#[derive(Clone)]
pub struct Memory {
    live: Arc<Mutex<Live>>,
    limits: SessionLimits,
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        metrics::gauge!("live_sessions").set(0.0);
        Self { live: Arc::default(), limits }
    }

    /// Birth.
    ///
    /// # Errors
    /// When there are as many sessions as there may be.
    pub fn start(&self, member: &Member) -> Result<SessionId, SessionError> {
        let mut live = self.lock();
        self.make_room_for(&mut live, &member.username);
        if live.sessions.len() >= self.limits.max_live {
            // The dead who were not noticed yet take nobody's place.
            self.bury_the_dead(&mut live);
        }
        if live.sessions.len() >= self.limits.max_live {
            return Err(SessionError::TooMany);
        }
        let id = SessionId::random();
        tracing::info!(session = id.label(), user = %member.username, "session born");
        live.add(id.clone(), Session::new(member));
        Ok(id)
    }

    /// Who is calling; the idle time starts anew.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn touch(&self, id: &SessionId) -> Result<Member, SessionError> {
        let mut live = self.lock();
        let session = self.living(&mut live, id)?;
        session.touch();
        Ok(session.member.clone())
    }

    /// Whether it lives, without counting as a use.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn peek(&self, id: &SessionId) -> Result<Member, SessionError> {
        Ok(self.living(&mut self.lock(), id)?.member.clone())
    }

    /// What is remembered.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn view(&self, id: &SessionId) -> Result<Remembered, SessionError> {
        let mut live = self.lock();
        let session = self.living(&mut live, id)?;
        Ok(Remembered {
            created_at: session.created_at,
            last_activity: session.last_activity,
            time_left: session.time_left(&self.limits).unwrap_or_default(),
            files: session.files.clone(),
        })
    }

    /// Growth: an update never creates.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn add_file(&self, id: &SessionId, name: &str) -> Result<(), SessionError> {
        let mut live = self.lock();
        let session = self.living(&mut live, id)?;
        session.files.push(name.to_owned());
        let excess = session.files.len().saturating_sub(MOST_FILES_REMEMBERED);
        session.files.drain(..excess);
        session.touch();
        Ok(())
    }

    /// Death by logout: here. Nobody else ever knew it.
    ///
    /// # Errors
    /// When no live session has this id.
    pub fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        let mut live = self.lock();
        self.living(&mut live, id)?;
        live.bury(id, Cause::Ended);
        Ok(())
    }

    /// Death of all that one person has here. Those on other replicas go on: that this
    /// cannot be helped is one of the costs of the design.
    pub fn end_all_of(&self, username: &Username) {
        let mut live = self.lock();
        for id in live.of(username).to_vec() {
            live.bury(&id, Cause::Ended);
        }
    }

    /// Death of all whose time is up.
    pub fn sweep(&self) {
        self.bury_the_dead(&mut self.lock());
    }

    /// Death of all, because the process ends. After SIGKILL not even this happens.
    pub fn end_of_process(&self) {
        let mut live = self.lock();
        for id in live.sessions.keys().cloned().collect::<Vec<_>>() {
            live.bury(&id, Cause::ProcessExit);
        }
    }

    fn make_room_for(&self, live: &mut Live, username: &Username) {
        let theirs = live.of(username);
        let most = usize::try_from(self.limits.max_per_user).unwrap_or(usize::MAX);
        let excess = (theirs.len() + 1).saturating_sub(most);
        let oldest: Vec<_> = theirs.iter().take(excess).cloned().collect();
        for id in oldest {
            live.bury(&id, Cause::Replaced);
        }
    }

    fn bury_the_dead(&self, live: &mut Live) {
        let dead = |session: &Session| session.time_left(&self.limits).is_none();
        let ids: Vec<_> = live
            .sessions
            .iter()
            .filter(|(_, session)| dead(session))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            live.bury(&id, Cause::TimeIsUp);
        }
    }

    fn living<'a>(
        &self,
        live: &'a mut Live,
        id: &SessionId,
    ) -> Result<&'a mut Session, SessionError> {
        let found = live.sessions.get(id).ok_or(SessionError::Unknown)?;
        if found.time_left(&self.limits).is_none() {
            live.bury(id, Cause::TimeIsUp);
            return Err(SessionError::Expired);
        }
        live.sessions.get_mut(id).ok_or(SessionError::Unknown)
    }

    /// A thread that panicked while holding the lock cannot have left a session that is not
    /// found by its owner: it comes after its entry there, and goes before it.
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
