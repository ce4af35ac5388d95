//! Attempts that wait for others of their bucket.
//!
//! An attempt is counted as wrong until it is found right, so concurrent right passwords of one
//! account fill its bucket for a moment. Such an attempt waits. The waiting attempts of a bucket
//! form a queue, of which only the first one asks again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// Time between two tries of the first waiting attempt.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Longest wait of an attempt: that of a login in the queue for hashing on a busy machine. It is
/// longer than a balancer of the lab waits for a response (`crate::uploads::under_way::MAX_WAIT`), because
/// a class logs in to one account at the same moment. A shorter wait would refuse right
/// passwords on a slow machine, also without a balancer.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(20);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// The queues of one replica, by bucket. A bucket without waiting attempts has none.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<String, Queue>>);

/// The first place in the queue of a bucket.
pub(super) struct First<'a> {
    queues: &'a Queues,
    bucket: String,
    place: Option<OwnedMutexGuard<()>>,
}

impl Queues {
    /// Waits for the first place.
    pub(super) async fn first(&self, bucket: &str) -> First<'_> {
        let queue = Arc::clone(self.lock().entry(bucket.to_owned()).or_default());
        // Made before the wait, so that a cancelled wait removes an empty queue, too.
        let mut first = First { queues: self, bucket: bucket.to_owned(), place: None };
        first.place = Some(queue.lock_owned().await);
        first
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.lock();
        self.place = None;
        // One reference is that of the map; every waiting attempt has another.
        if queues.get(&self.bucket).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queue_lets_one_attempt_try_and_is_removed() {
        let queues = Queues::default();
        let first = queues.first("a").await;
        let second = tokio::time::timeout(RETRY_INTERVAL, queues.first("a")).await;
        assert!(second.is_err(), "two attempts are first");
        drop(queues.first("b").await);
        assert_eq!(queues.lock().len(), 1);
        drop(first);
        assert!(queues.lock().is_empty());
    }
}
