//! What all nodes' maps say together about each session: the union of its files, the
//! latest of its uses, and dead if anybody said so.
//!
//! Entries may come in any order, twice, or from a node that died long ago; the result is
//! the same. That is why no node has to be asked before another one answers.

mod session;

use crate::config::Lives;
use crate::entry::{Born, Entry};
use session::Session;
use std::collections::{BTreeSet, HashMap};

pub use session::{Gone, Known};

/// All sessions that this node has heard of.
pub(crate) struct View {
    lives: Lives,
    most_files: usize,
    sessions: HashMap<String, Session>,
    by_owner: HashMap<String, BTreeSet<String>>,
    /// Owner to the moment until which all their sessions are dead.
    all_ended: HashMap<String, i64>,
}

/// What a sweep found: the writer of these entries may take them back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Sessions of which only the tombstone matters from now on.
    pub(crate) ended: Vec<String>,
    /// Sessions of which not even the tombstone is needed any more.
    pub(crate) forgotten: Vec<String>,
    /// Owners all of whose ended sessions are too old by now.
    pub(crate) owners: Vec<String>,
}

impl View {
    pub(crate) fn new(lives: Lives, most_files: usize) -> Self {
        Self {
            lives,
            most_files,
            sessions: HashMap::new(),
            by_owner: HashMap::new(),
            all_ended: HashMap::new(),
        }
    }

    /// Adds what `node` said.
    pub(crate) fn learn(&mut self, node: &str, entry: Entry, now: i64) {
        match entry {
            Entry::Born { proof, born } => self.learn_birth(proof, born, now),
            Entry::Used { proof, at } => {
                if let Some(session) = self.about(proof, at, now) {
                    session.told = session.told.max(at);
                }
            }
            Entry::File { proof, at, number, name } => {
                let most = self.most_files;
                if let Some(session) = self.about(proof, at, now)
                    && session.ended_until.is_none()
                {
                    session.add_file((at, node.to_owned(), number), name, most);
                }
            }
            Entry::Ended { proof, until } => {
                if now < until {
                    self.sessions
                        .entry(proof)
                        .or_insert_with(|| Session::heard(now))
                        .end(until);
                }
            }
            Entry::AllEnded { owner, at } => self.learn_all_ended(owner, at),
            Entry::Beat(_) => {}
        }
    }

    fn learn_birth(&mut self, proof: String, born: Born, now: i64) {
        let lives = self.lives;
        let owner = born.owner.clone();
        let ended = self.all_ended.get(&owner).is_some_and(|&until| born.at <= until);
        let Some(session) = self.about(proof.clone(), born.at, now) else {
            return;
        };
        if ended {
            session.end(session.tombstone(&born, &lives));
        }
        session.born = Some(born);
        self.by_owner.entry(owner).or_default().insert(proof);
    }

    fn learn_all_ended(&mut self, owner: String, at: i64) {
        let lives = self.lives;
        for proof in self.by_owner.get(&owner).into_iter().flatten() {
            let Some(session) = self.sessions.get_mut(proof) else {
                continue;
            };
            let born = session.born.clone().filter(|born| born.at <= at);
            if let Some(born) = born {
                session.end(session.tombstone(&born, &lives));
            }
        }
        let until = self.all_ended.entry(owner).or_insert(at);
        *until = at.max(*until);
    }

    /// The session of which something happened `at`; `None` when that is so long ago that
    /// it cannot matter.
    fn about(&mut self, proof: String, at: i64, now: i64) -> Option<&mut Session> {
        if at.saturating_add(self.lives.absolute_ms()) <= now {
            return None;
        }
        Some(self.sessions.entry(proof).or_insert_with(|| Session::heard(now)))
    }

    /// Looks, without using.
    pub(crate) fn look(&self, proof: &str, now: i64) -> Result<Known, Gone> {
        let session = self.sessions.get(proof).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lives, now)?;
        Ok(Known {
            owner: born.owner.clone(),
            about: born.about.clone(),
            created_at: born.at,
            last_activity: session.last_activity(born),
            lives_until: session.lives_until(born, &self.lives),
            files: session.files.values().cloned().collect(),
        })
    }

    /// The numbers of those files of a session that `node` told of and that are remembered.
    pub(crate) fn files_of(&self, proof: &str, node: &str) -> BTreeSet<u64> {
        let files = self.sessions.get(proof).into_iter().flat_map(|one| one.files.keys());
        files.filter(|(_, of, _)| of == node).map(|(_, _, number)| *number).collect()
    }

    /// A use on this node: what was said of the owner, and whether the others should hear
    /// of this use.
    pub(crate) fn touch(
        &mut self,
        proof: &str,
        now: i64,
    ) -> Result<(String, bool), Gone> {
        let session = self.sessions.get_mut(proof).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lives, now)?;
        let (about, told) = (born.about.clone(), session.told.max(born.at));
        session.used_here = session.used_here.max(now);
        Ok((about, now.saturating_sub(told) >= self.lives.coarse_ms()))
    }

    /// Until when the death of a living session must be remembered.
    pub(crate) fn tombstone(&self, proof: &str, now: i64) -> Result<i64, Gone> {
        let session = self.sessions.get(proof).ok_or(Gone::Unknown)?;
        let born = session.living(&self.lives, now)?;
        Ok(session.tombstone(born, &self.lives))
    }

    /// The living sessions of one owner, oldest first.
    pub(crate) fn of(&self, owner: &str, now: i64) -> Vec<String> {
        let proofs = self.by_owner.get(owner).into_iter().flatten();
        let mut alive: Vec<_> = proofs
            .filter_map(|proof| {
                let born = self.sessions.get(proof)?.living(&self.lives, now).ok()?;
                Some((born.at, proof.clone()))
            })
            .collect();
        alive.sort();
        alive.into_iter().map(|(_born, proof)| proof).collect()
    }

    /// How many are known, dead ones that must not be forgotten yet included.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// How many live.
    pub(crate) fn living(&self, now: i64) -> usize {
        let alive = |one: &&Session| one.living(&self.lives, now).is_ok();
        self.sessions.values().filter(alive).count()
    }

    /// Frees what belongs to the dead, and forgets whom nobody can bring back.
    pub(crate) fn sweep(&mut self, now: i64) -> Swept {
        let mut swept = Swept::default();
        for (proof, session) in &mut self.sessions {
            if !session.matters(&self.lives, now) {
                swept.forgotten.push(proof.clone());
            } else if session.ended_until.is_some() && !session.freed {
                session.freed = true;
                swept.ended.push(proof.clone());
            }
        }
        for proof in &swept.forgotten {
            self.forget(proof);
        }
        let old = now.saturating_sub(self.lives.absolute_ms());
        self.all_ended.retain(|owner, at| {
            let matters = *at > old;
            if !matters {
                swept.owners.push(owner.clone());
            }
            matters
        });
        swept
    }

    fn forget(&mut self, proof: &str) {
        let born = self.sessions.remove(proof).and_then(|session| session.born);
        if let Some(born) = born
            && let Some(proofs) = self.by_owner.get_mut(&born.owner)
        {
            proofs.remove(proof);
            if proofs.is_empty() {
                self.by_owner.remove(&born.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests;
