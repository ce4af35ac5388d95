//! Refusals that this replica remembers until their time.

use super::too_many::TooMany;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Beyond this number a refusal is not remembered, and the next request asks Redis.
const MAX_REFUSALS: usize = 10_000;

/// The end of each refusal, by bucket.
#[derive(Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Instant>>);

impl Refusals {
    /// Checks that no refusal of this bucket is remembered.
    pub(super) fn check(&self, bucket: &str) -> Result<(), TooMany> {
        let mut refusals = self.lock();
        let Some(until) = refusals.get(bucket) else {
            return Ok(());
        };
        let wait = until.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            refusals.remove(bucket);
            return Ok(());
        }
        Err(TooMany::until(wait))
    }

    pub(super) fn remember(&self, bucket: String, wait: Duration) {
        let (mut refusals, now) = (self.lock(), Instant::now());
        if refusals.len() >= MAX_REFUSALS {
            refusals.retain(|_, until| *until > now);
        }
        if refusals.len() < MAX_REFUSALS {
            refusals.insert(bucket, now + wait);
        }
    }

    /// Each step holds the lock; a panic cannot leave a step half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_ends_at_its_time() {
        let refusals = Refusals::default();
        assert!(refusals.check("a").is_ok());
        refusals.remember("a".to_owned(), Duration::from_secs(60));
        assert_eq!(refusals.check("a"), Err(TooMany { retry_after_s: 60 }));
        assert!(refusals.check("b").is_ok());
        refusals.remember("a".to_owned(), Duration::ZERO);
        assert!(refusals.check("a").is_ok());
    }

    #[test]
    fn flood_of_refusals_stays_bounded() {
        let refusals = Refusals::default();
        for number in 0..2 * MAX_REFUSALS {
            refusals.remember(number.to_string(), Duration::from_secs(60));
        }
        assert_eq!(refusals.lock().len(), MAX_REFUSALS);
        assert!(refusals.check("0").is_err());
    }
}
