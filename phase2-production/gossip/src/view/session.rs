//! One session, as far as this node has heard of it.

use crate::config::Lives;
use crate::entry::Born;
use std::collections::BTreeMap;

/// What is remembered of a session that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub owner: String,
    /// What the application said of the owner when it was born.
    pub about: String,
    /// Birth, milliseconds since 1970.
    pub created_at: i64,
    /// The latest use that this node knows of, milliseconds since 1970.
    pub last_activity: i64,
    /// Until when it surely lives if nobody uses it, milliseconds since 1970.
    pub lives_until: i64,
    /// Names of files, oldest first.
    pub files: Vec<String>,
}

/// Why a session cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// Never heard of, or ended.
    #[error("no such session")]
    Unknown,
    /// Dead of silence or old age.
    #[error("the session has expired")]
    Expired,
    /// This node has not heard from the others for a while and is catching up.
    #[error("this node is catching up with the others")]
    CatchingUp,
}

/// Milliseconds beyond its death for which a session is not forgotten: whatever was said
/// of it before has arrived by then, or its writer is paused and will find it dead of
/// silence.
pub(super) const MARGIN_MS: i64 = 10_000;

/// One session. Parts of it may be known before its birth is.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) born: Option<Born>,
    /// Dead by somebody's word, and until when that must be remembered.
    pub(super) ended_until: Option<i64>,
    /// The latest use on this node.
    pub(super) used_here: i64,
    /// The latest use that anybody told of, this node included.
    pub(super) told: i64,
    /// By time, then by node and number, so that all nodes have the same order.
    pub(super) files: BTreeMap<(i64, String, u64), String>,
    heard_at: i64,
    /// Its entries have been taken back.
    pub(super) freed: bool,
}

impl Session {
    pub(super) const fn heard(now: i64) -> Self {
        Self {
            born: None,
            ended_until: None,
            used_here: 0,
            told: 0,
            files: BTreeMap::new(),
            heard_at: now,
            freed: false,
        }
    }

    /// Of more than `most` the newest are kept, whichever order they come in.
    pub(super) fn add_file(
        &mut self,
        key: (i64, String, u64),
        name: String,
        most: usize,
    ) {
        self.files.insert(key, name);
        while self.files.len() > most {
            self.files.pop_first();
        }
    }

    pub(super) fn end(&mut self, until: i64) {
        self.ended_until = self.ended_until.max(Some(until));
        self.files.clear();
    }

    /// When it dies if nobody uses it. It may have been used for a while after the last
    /// use that was told.
    pub(super) fn dies_at(&self, born: &Born, lives: &Lives) -> i64 {
        let told = self.told.max(born.at).saturating_add(lives.coarse_ms());
        let idle = self.used_here.max(told).saturating_add(lives.idle_ms());
        idle.min(born.at.saturating_add(lives.absolute_ms()))
    }

    /// The latest use that this node knows of.
    pub(super) fn last_activity(&self, born: &Born) -> i64 {
        self.told.max(self.used_here).max(born.at)
    }

    /// What can be promised to who asks: a use that nobody was told of may come to it.
    pub(super) fn lives_until(&self, born: &Born, lives: &Lives) -> i64 {
        let idle = self.last_activity(born).saturating_add(lives.idle_ms());
        idle.min(self.dies_at(born, lives))
    }

    pub(super) fn living(&self, lives: &Lives, now: i64) -> Result<&Born, Gone> {
        let born = self.born.as_ref().ok_or(Gone::Unknown)?;
        if self.ended_until.is_some() {
            return Err(Gone::Unknown);
        }
        if now >= self.dies_at(born, lives) { Err(Gone::Expired) } else { Ok(born) }
    }

    /// For how long it must be remembered that it is dead: until it would be so anyway.
    pub(super) fn tombstone(&self, born: &Born, lives: &Lives) -> i64 {
        self.dies_at(born, lives).saturating_add(MARGIN_MS)
    }

    pub(super) fn matters(&self, lives: &Lives, now: i64) -> bool {
        let until = match (self.ended_until, &self.born) {
            (Some(until), _) => until,
            (None, Some(born)) => self.tombstone(born, lives),
            (None, None) => self.heard_at.saturating_add(lives.idle_ms() + MARGIN_MS),
        };
        now < until
    }
}
