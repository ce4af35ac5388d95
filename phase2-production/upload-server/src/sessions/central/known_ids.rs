//! Ids of sessions that this replica has recently found live, so that they are not taken for
//! made-up ones when Redis does not have them. They say nothing about whether a session is
//! still live: Redis and the database decide.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids in a generation. An id that is in neither generation may be made up, so with more
/// sessions in use than this some get the limits of unknown ids.
const MAX_PER_GENERATION: usize = 100_000;

/// The ids of one replica. Clones share them.
#[derive(Clone, Default)]
pub(super) struct KnownIds {
    generations: Arc<Mutex<Generations>>,
    /// Its key is random, so no caller can choose an id that counts as another. A chance
    /// collision costs one lookup.
    hasher: RandomState,
}

/// When the recent generation is full, it replaces the earlier one.
#[derive(Default)]
struct Generations {
    recent: HashSet<u64>,
    earlier: HashSet<u64>,
}

impl KnownIds {
    pub(super) fn add(&self, session_id_hash: &str) {
        self.add_within(session_id_hash, MAX_PER_GENERATION);
    }

    fn add_within(&self, session_id_hash: &str, max: usize) {
        let id = self.hasher.hash_one(session_id_hash);
        let mut generations = self.lock();
        if generations.recent.insert(id) && generations.recent.len() > max {
            generations.earlier = std::mem::take(&mut generations.recent);
            generations.recent.insert(id);
        }
    }

    /// A session that has ended: its id costs the same as a made-up one.
    pub(super) fn remove(&self, session_id_hash: &str) {
        let id = self.hasher.hash_one(session_id_hash);
        let mut generations = self.lock();
        generations.recent.remove(&id);
        generations.earlier.remove(&id);
    }

    pub(super) fn contains(&self, session_id_hash: &str) -> bool {
        let id = self.hasher.hash_one(session_id_hash);
        let generations = self.lock();
        generations.recent.contains(&id) || generations.earlier.contains(&id)
    }

    /// A panic under the lock can only lose ids, which then count as unknown.
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_in_use_stays_known_and_memory_stays_bounded() {
        let known = KnownIds::default();
        for number in 0..100 {
            known.add_within("in use", 10);
            known.add_within(&format!("{number}"), 10);
            assert!(known.contains("in use") && known.contains(&format!("{number}")));
        }
        assert!(!known.contains("0"), "unused for two generations");
        let generations = known.lock();
        assert!(generations.recent.len() + generations.earlier.len() <= 21);
    }

    #[test]
    fn removed_id_is_unknown_in_every_clone() {
        let known = KnownIds::default();
        known.add("a");
        assert!(known.clone().contains("a") && !known.contains("b"));
        known.clone().remove("a");
        assert!(!known.contains("a"));
    }
}
