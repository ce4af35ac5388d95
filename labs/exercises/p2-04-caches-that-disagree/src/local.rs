//! A cache in the memory of this process. This is your file. The README describes each
//! function.

use crate::prices::Price;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The cached prices.
pub struct Local {
    // TODO: it grows without limit, and its entries never expire.
    prices: Mutex<HashMap<String, Price>>,
    #[allow(dead_code)]
    capacity: usize,
    #[allow(dead_code)]
    ttl: Duration,
}

impl Local {
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        Self { prices: Mutex::default(), capacity, ttl }
    }

    /// Tasks 1 and 2: the cached price of this item, unless it has expired.
    pub fn get(&self, item: &str) -> Option<Price> {
        self.lock().get(item).copied()
    }

    /// Tasks 1 and 2: stores a price that was read from the database.
    pub fn fill(&self, item: &str, price: Price) {
        self.lock().insert(item.to_owned(), price);
    }

    /// Removes an item.
    pub fn remove(&self, item: &str) {
        self.lock().remove(item);
    }

    /// Removes all items.
    #[allow(dead_code)]
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Number of cached items.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Price>> {
        self.prices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
