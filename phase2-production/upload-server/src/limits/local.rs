//! Rate counters without Redis, in memory of fixed size.
//!
//! A name is hashed to one of a fixed number of slots. Names in one slot share a count:
//! it can be too high but never too low, and an attacker cannot reset a count by sending
//! many other names. The hash has a random seed per process, so an attacker cannot choose
//! a slot.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Slots per table: 192 KiB.
const SLOTS: usize = 8192;

/// Counts per name and window. A window begins with the first count.
pub(super) struct Local {
    slots: Mutex<Box<[Slot]>>,
    seed: RandomState,
    window: Duration,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    began: Option<Instant>,
    count: u32,
}

/// Result of one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Counted, as this number in its window.
    Allowed { number: u32 },
    /// Not counted: the limit is reached.
    Refused { wait: Duration },
}

impl Local {
    pub(super) fn new(window: Duration) -> Self {
        let slots = vec![Slot::default(); SLOTS].into_boxed_slice();
        Self { slots: Mutex::new(slots), seed: RandomState::new(), window }
    }

    /// A second table with the same slots: names that share a count here share it there.
    pub(super) fn like(other: &Self) -> Self {
        Self { seed: other.seed.clone(), ..Self::new(other.window) }
    }

    /// The count of this name in its window.
    pub(super) fn count(&self, name: &str) -> u32 {
        let slot = self.lock()[self.slot_of(name)];
        let is_current = slot.began.is_some_and(|began| began.elapsed() < self.window);
        if is_current { slot.count } else { 0 }
    }

    /// Counts one more for this name, if its count is below `limit`.
    pub(super) fn take(&self, name: &str, limit: u32) -> Counted {
        self.take_at(name, limit, Instant::now())
    }

    fn take_at(&self, name: &str, limit: u32, now: Instant) -> Counted {
        let mut slots = self.lock();
        let slot = &mut slots[self.slot_of(name)];
        let began = match slot.began {
            Some(began) if now.duration_since(began) < self.window => began,
            _ => {
                *slot = Slot { began: Some(now), count: 0 };
                now
            }
        };
        if slot.count >= limit {
            let wait = self.window.saturating_sub(now.duration_since(began));
            return Counted::Refused { wait };
        }
        slot.count += 1;
        Counted::Allowed { number: slot.count }
    }

    /// Takes one count back. After its window this has no effect.
    pub(super) fn give_back(&self, name: &str) {
        let mut slots = self.lock();
        let slot = &mut slots[self.slot_of(name)];
        if slot.began.is_some_and(|began| began.elapsed() < self.window) {
            slot.count = slot.count.saturating_sub(1);
        }
    }

    fn slot_of(&self, name: &str) -> usize {
        usize::try_from(self.seed.hash_one(name) % SLOTS as u64).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Box<[Slot]>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    #[test]
    fn each_window_allows_the_full_limit() {
        let (local, start) = (Local::new(WINDOW), Instant::now());
        for number in 1..=3 {
            assert_eq!(local.take_at("a", 3, start), Counted::Allowed { number });
        }
        let late = start + WINDOW - Duration::from_millis(1);
        let refused = Counted::Refused { wait: Duration::from_millis(1) };
        assert_eq!(local.take_at("a", 3, late), refused);
        let next = local.take_at("a", 3, start + WINDOW);
        assert_eq!(next, Counted::Allowed { number: 1 });
    }

    #[test]
    fn returned_counts_can_be_taken_again_but_not_exceeded() {
        let local = Local::new(WINDOW);
        local.give_back("a");
        assert_eq!(local.take("a", 1), Counted::Allowed { number: 1 });
        local.give_back("a");
        local.give_back("a");
        assert_eq!(local.take("a", 1), Counted::Allowed { number: 1 });
        assert!(matches!(local.take("a", 1), Counted::Refused { .. }));
    }

    #[test]
    fn flood_of_other_names_resets_no_count() {
        let local = Local::new(WINDOW);
        local.take("alice", 1);
        for name in 0..50_000 {
            local.take(&format!("{name}"), u32::MAX);
        }
        assert!(matches!(local.take("alice", 1), Counted::Refused { .. }));
        assert_eq!(local.lock().len(), SLOTS);
    }
}
