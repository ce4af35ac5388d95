//! The merge of all nodes' maps: the union of a session's files, the latest of its uses,
//! and dead if any node ended it.
//!
//! Entries may arrive in any order, twice, or from a node that died long ago; the result
//! is the same. So a node can answer without asking another one.

mod session;

use crate::config::SessionLifetimes;
use crate::entry::{AllEnded, Birth, Entry};
use session::{MARGIN_MS, Session};
use std::collections::{BTreeSet, HashMap};

pub use session::{Gone, SessionState};

/// All sessions that this node has received entries about.
pub(crate) struct View {
    lifetimes: SessionLifetimes,
    max_files: usize,
    sessions: HashMap<String, Session>,
    /// Sessions that were born and not ended: the live ones and those that have expired
    /// since the last sweep.
    unended: usize,
    by_owner: HashMap<String, BTreeSet<String>>,
    /// Owner to the latest death of all sessions.
    all_ended: HashMap<String, AllEnded>,
}

/// The result of a sweep: the entries that their writer may delete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Sessions of which only the tombstone is still needed.
    pub(crate) ended: Vec<String>,
    /// Sessions without a needed tombstone.
    pub(crate) removed: Vec<String>,
    /// Owners with an expired [`Entry::AllEnded`].
    pub(crate) owners: Vec<String>,
}

impl View {
    pub(crate) fn new(lifetimes: SessionLifetimes, max_files: usize) -> Self {
        Self {
            lifetimes,
            max_files,
            sessions: HashMap::new(),
            unended: 0,
            by_owner: HashMap::new(),
            all_ended: HashMap::new(),
        }
    }

    /// Applies an entry of `node`, however old it is at `now`. An entry is delivered once,
    /// and this clock may be wrong: a dropped tombstone would leave its session live for
    /// ever. Only [`View::sweep`] removes, by a clock that agrees with the others.
    pub(crate) fn apply(&mut self, node: &str, entry: Entry, now: i64) {
        match entry {
            Entry::Birth { hash, born } => self.apply_birth(hash, born, now),
            Entry::Used { hash, at } => self.change(hash, now, |session| {
                session.last_reported_use = session.last_reported_use.max(at);
            }),
            Entry::File { hash, at, number, name } => {
                let most = self.max_files;
                self.change(hash, now, |session| {
                    if session.ended_until.is_none() {
                        session.add_file((at, node.to_owned(), number), name, most);
                    }
                });
            }
            Entry::Ended { hash, until } => {
                self.change(hash, now, |session| session.end(until));
            }
            Entry::AllEnded { owner, ended } => self.apply_all_ended(owner, ended),
            Entry::Heartbeat(_) => {}
        }
    }

    fn apply_birth(&mut self, hash: String, born: Birth, now: i64) {
        let lifetimes = self.lifetimes;
        let owner = born.owner.clone();
        let ended = self.all_ended.get(&owner).is_some_and(|ended| ended.revokes(&born));
        self.change(hash.clone(), now, |session| {
            if ended {
                session.end(session.tombstone(&born, &lifetimes));
            }
            session.born = Some(born);
        });
        self.by_owner.entry(owner).or_default().insert(hash);
    }

    fn apply_all_ended(&mut self, owner: String, ended: AllEnded) {
        let lifetimes = self.lifetimes;
        for hash in self.by_owner.get(&owner).into_iter().flatten() {
            let Some(session) = self.sessions.get_mut(hash) else {
                continue;
            };
            let born = session.born.clone().filter(|born| ended.revokes(born));
            if let Some(born) = born {
                self.unended -= usize::from(session.is_unended());
                session.end(session.tombstone(&born, &lifetimes));
            }
        }
        let latest = self.all_ended.entry(owner).or_default();
        *latest = latest.merge(ended);
    }

    /// Changes a session, known or not, and keeps the count of the unended ones.
    fn change(&mut self, hash: String, now: i64, change: impl FnOnce(&mut Session)) {
        let session = self.sessions.entry(hash).or_insert_with(|| Session::new(now));
        let before = usize::from(session.is_unended());
        change(session);
        let after = usize::from(session.is_unended());
        self.unended = self.unended + after - before;
    }

    /// The state of a live session, without a use.
    pub(crate) fn peek(&self, hash: &str, now: i64) -> Result<SessionState, Gone> {
        let session = self.sessions.get(hash).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lifetimes, now)?;
        Ok(SessionState {
            owner: born.owner.clone(),
            metadata: born.metadata.clone(),
            created_at: born.at,
            last_activity: session.last_activity(born),
            lives_until: session.lives_until(born, &self.lifetimes),
            files: session.files.values().cloned().collect(),
        })
    }

    /// The numbers of the session's kept files that `node` added.
    pub(crate) fn files_of(&self, hash: &str, node: &str) -> BTreeSet<u64> {
        let files = self.sessions.get(hash).into_iter().flat_map(|one| one.files.keys());
        files.filter(|(_, of, _)| of == node).map(|(_, _, number)| *number).collect()
    }

    /// Records a use on this node. Returns the data about the owner, and whether to
    /// report the use to the others.
    pub(crate) fn touch(&mut self, hash: &str, now: i64) -> Result<(String, bool), Gone> {
        let session = self.sessions.get_mut(hash).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lifetimes, now)?;
        let (metadata, reported) =
            (born.metadata.clone(), session.last_reported_use.max(born.at));
        session.last_local_use = session.last_local_use.max(now);
        Ok((metadata, now.saturating_sub(reported) >= self.lifetimes.touch_interval_ms()))
    }

    /// Until when the tombstone of a live session must be kept.
    pub(crate) fn tombstone(&self, hash: &str, now: i64) -> Result<i64, Gone> {
        let session = self.sessions.get(hash).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lifetimes, now)?;
        Ok(session.tombstone(born, &self.lifetimes))
    }

    /// The live sessions of an owner, oldest first.
    pub(crate) fn sessions_of(&self, owner: &str, now: i64) -> Vec<String> {
        let hashes = self.by_owner.get(owner).into_iter().flatten();
        let mut alive: Vec<_> = hashes
            .filter_map(|hash| {
                let born = self.sessions.get(hash)?.living(&self.lifetimes, now).ok()?;
                Some((born.at, hash.clone()))
            })
            .collect();
        alive.sort();
        alive.into_iter().map(|(_born, hash)| hash).collect()
    }

    /// Number of known sessions, including tombstones.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Number of live sessions.
    pub(crate) fn living(&self, now: i64) -> usize {
        let alive = |one: &&Session| one.living(&self.lifetimes, now).is_ok();
        self.sessions.values().filter(alive).count()
    }

    /// Number of an owner's known sessions, including tombstones.
    pub(crate) fn known_of(&self, owner: &str) -> usize {
        self.by_owner.get(owner).map_or(0, BTreeSet::len)
    }

    /// Whether at least `max_living` sessions are live. Expired ones are counted out by a
    /// scan, and only if they could decide: far from the limit this costs nothing.
    pub(crate) fn is_full(&self, max_living: usize, now: i64) -> bool {
        self.unended >= max_living && self.living(now) >= max_living
    }

    /// Marks ended sessions for cleanup, and removes those that no entry can bring back.
    pub(crate) fn sweep(&mut self, now: i64) -> Swept {
        let mut swept = Swept::default();
        for (hash, session) in &mut self.sessions {
            session.received_by(now);
            if !session.matters(&self.lifetimes, now) {
                swept.removed.push(hash.clone());
            } else if session.ended_until.is_some() && !session.cleaned {
                session.cleaned = true;
                swept.ended.push(hash.clone());
            }
        }
        for hash in &swept.removed {
            self.remove(hash);
        }
        // A session that it ends may come from a clock that is ahead.
        let lifetime = self.lifetimes.absolute_ms().saturating_add(MARGIN_MS);
        let old = now.saturating_sub(lifetime);
        self.all_ended.retain(|owner, ended| {
            let matters = ended.at > old;
            if !matters {
                swept.owners.push(owner.clone());
            }
            matters
        });
        swept
    }

    fn remove(&mut self, hash: &str) {
        let Some(session) = self.sessions.remove(hash) else {
            return;
        };
        self.unended -= usize::from(session.is_unended());
        if let Some(born) = session.born
            && let Some(hashes) = self.by_owner.get_mut(&born.owner)
        {
            hashes.remove(hash);
            if hashes.is_empty() {
                self.by_owner.remove(&born.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests;
