//! The merged state of one session.

use crate::config::SessionLifetimes;
use crate::entry::Birth;
use std::collections::BTreeMap;

/// The state of a live session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// The owner.
    pub owner: String,
    /// The application's data about the owner at birth.
    pub metadata: String,
    /// Birth, milliseconds since 1970.
    pub created_at: i64,
    /// The latest known use, milliseconds since 1970.
    pub last_activity: i64,
    /// Until when it certainly lives without a further use, milliseconds since 1970.
    pub lives_until: i64,
    /// Names of files, oldest first.
    pub files: Vec<String>,
}

/// The reason that a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// Unknown or ended.
    #[error("no such session")]
    Unknown,
    /// Expired by idle timeout or age.
    #[error("the session has expired")]
    Expired,
    /// This node was paused or has just joined, and is catching up.
    #[error("this node is catching up with the others")]
    CatchingUp,
}

/// Milliseconds for which a session is kept after its death. Every earlier entry about it
/// has arrived by then, unless its writer is paused; that node finds the session expired
/// when it resumes.
pub(super) const MARGIN_MS: i64 = 10_000;

/// One session. Other entries may arrive before its birth.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) born: Option<Birth>,
    /// Until when the tombstone must be kept, if the session was ended.
    pub(super) ended_until: Option<i64>,
    /// The latest use on this node.
    pub(super) last_local_use: i64,
    /// The latest use that any node reported, this one included.
    pub(super) last_reported_use: i64,
    /// Keys: time, node, number; so all nodes have the same order.
    pub(super) files: BTreeMap<(i64, String, u64), String>,
    received_at: i64,
    /// This node's entries about it have been deleted.
    pub(super) cleaned: bool,
}

impl Session {
    pub(super) const fn new(now: i64) -> Self {
        Self {
            born: None,
            ended_until: None,
            last_local_use: 0,
            last_reported_use: 0,
            files: BTreeMap::new(),
            received_at: now,
            cleaned: false,
        }
    }

    /// Born and not ended: live or expired.
    pub(super) const fn is_unended(&self) -> bool {
        self.born.is_some() && self.ended_until.is_none()
    }

    /// Corrects the time of receipt if this node's clock was ahead then: otherwise entries
    /// without a birth would be kept until that time.
    pub(super) fn received_by(&mut self, now: i64) {
        self.received_at = self.received_at.min(now);
    }

    /// Keeps the newest `max_files`, in any order of arrival.
    pub(super) fn add_file(
        &mut self,
        key: (i64, String, u64),
        name: String,
        max_files: usize,
    ) {
        self.files.insert(key, name);
        while self.files.len() > max_files {
            self.files.pop_first();
        }
    }

    pub(super) fn end(&mut self, until: i64) {
        self.ended_until = self.ended_until.max(Some(until));
        self.files.clear();
    }

    /// When it dies without a further use. It may have been used after the last reported
    /// use.
    pub(super) fn dies_at(&self, born: &Birth, lifetimes: &SessionLifetimes) -> i64 {
        let reported = self
            .last_reported_use
            .max(born.at)
            .saturating_add(lifetimes.touch_interval_ms());
        let idle = self.last_local_use.max(reported).saturating_add(lifetimes.idle_ms());
        idle.min(born.at.saturating_add(lifetimes.absolute_ms()))
    }

    /// The latest known use.
    pub(super) fn last_activity(&self, born: &Birth) -> i64 {
        self.last_reported_use.max(self.last_local_use).max(born.at)
    }

    /// The guaranteed life: a further unreported use may extend it.
    pub(super) fn lives_until(&self, born: &Birth, lifetimes: &SessionLifetimes) -> i64 {
        let idle = self.last_activity(born).saturating_add(lifetimes.idle_ms());
        idle.min(self.dies_at(born, lifetimes))
    }

    pub(super) fn living(
        &self,
        lifetimes: &SessionLifetimes,
        now: i64,
    ) -> Result<&Birth, Gone> {
        let born = self.born.as_ref().ok_or(Gone::Unknown)?;
        if self.ended_until.is_some() {
            return Err(Gone::Unknown);
        }
        if now >= self.dies_at(born, lifetimes) { Err(Gone::Expired) } else { Ok(born) }
    }

    /// Until when its tombstone must be kept: until it would have expired, plus a margin.
    pub(super) fn tombstone(&self, born: &Birth, lifetimes: &SessionLifetimes) -> i64 {
        self.dies_at(born, lifetimes).saturating_add(MARGIN_MS)
    }

    pub(super) fn matters(&self, lifetimes: &SessionLifetimes, now: i64) -> bool {
        let until = match (self.ended_until, &self.born) {
            (Some(until), _) => until,
            (None, Some(born)) => self.tombstone(born, lifetimes),
            (None, None) => {
                self.received_at.saturating_add(lifetimes.idle_ms() + MARGIN_MS)
            }
        };
        now < until
    }
}
