//! A cache in the memory of this process.

use crate::prices::Price;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The cached prices.
pub struct Local {
    inner: Mutex<Inner>,
    capacity: usize,
    ttl: Duration,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    /// The items by their last use, the least recently used first. It has the same length
    /// as `entries`.
    by_use: BTreeMap<u64, String>,
    /// Number of uses.
    uses: u64,
    /// Number of invalidations.
    changes: u64,
}

struct Entry {
    price: Price,
    /// Time of the fill. A use does not change it.
    filled: Instant,
    used: u64,
}

impl Local {
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        Self { inner: Mutex::default(), capacity, ttl }
    }

    /// The cached price of this item, unless it has expired.
    pub fn get(&self, item: &str) -> Option<Price> {
        let mut inner = self.lock();
        let mut entry = inner.take(item)?;
        if entry.filled.elapsed() >= self.ttl {
            return None;
        }
        let price = entry.price;
        entry.used = inner.next_use();
        inner.put(item, entry);
        Some(price)
    }

    /// Stores a price that was read from the database.
    pub fn fill(&self, item: &str, price: Price) {
        self.lock().fill(item, price, self.capacity);
    }

    /// Number of invalidations so far. Read it before reading the database.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Like `fill`, unless an invalidation has happened since `changes` was read: then
    /// the price may be outdated.
    pub fn fill_if_unchanged(&self, item: &str, price: Price, changes: u64) {
        let mut inner = self.lock();
        if inner.changes == changes {
            inner.fill(item, price, self.capacity);
        }
    }

    /// Removes an item.
    pub fn remove(&self, item: &str) {
        let mut inner = self.lock();
        inner.changes += 1;
        inner.take(item);
    }

    /// Removes all items.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.changes += 1;
        inner.entries.clear();
        inner.by_use.clear();
    }

    /// Number of cached items.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fill(&mut self, item: &str, price: Price, capacity: usize) {
        self.take(item);
        while self.entries.len() >= capacity.max(1) {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.entries.remove(&oldest);
        }
        let used = self.next_use();
        self.put(item, Entry { price, filled: Instant::now(), used });
    }

    fn take(&mut self, item: &str) -> Option<Entry> {
        let entry = self.entries.remove(item)?;
        self.by_use.remove(&entry.used);
        Some(entry)
    }

    fn put(&mut self, item: &str, entry: Entry) {
        self.by_use.insert(entry.used, item.to_owned());
        self.entries.insert(item.to_owned(), entry);
    }

    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}
