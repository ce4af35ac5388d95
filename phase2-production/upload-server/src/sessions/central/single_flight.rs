//! Single flight: concurrent identical reads share one result.
//!
//! The usual kind lets a late caller join a running read. That result may be older than a
//! logout that was confirmed before the caller came. Here late callers wait for the
//! *next* read. So a burst of any size costs two reads, and no caller gets a result older
//! than its request.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Answer<T> = Shared<oneshot::Receiver<T>>;

/// The next read, and the channel for its result.
struct Queued<T> {
    read: BoxFuture<'static, T>,
    sender: oneshot::Sender<T>,
    answer: Answer<T>,
}

impl<T: Clone + Send + Sync + 'static> Queued<T> {
    fn new(read: BoxFuture<'static, T>) -> Self {
        let (sender, answer) = oneshot::channel();
        Self { read, sender, answer: answer.shared() }
    }
}

/// Running reads by key. A key is present while one runs.
pub(super) struct SingleFlight<K, T>(Arc<Mutex<HashMap<K, Option<Queued<T>>>>>);

impl<K, T> Clone for SingleFlight<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The result of `read`, or of another one for the same key that began after this
    /// call. `None` if the read panicked. The read runs to completion even if all callers
    /// give up.
    pub(super) async fn run(
        &self,
        key: K,
        read: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let answer = self.join(key, read.boxed());
        answer.await.ok()
    }

    fn join(&self, key: K, read: BoxFuture<'static, T>) -> Answer<T> {
        let mut running = self.lock();
        match running.get_mut(&key) {
            None => {
                let first = Queued::new(read);
                let answer = first.answer.clone();
                running.insert(key.clone(), None);
                tokio::spawn(self.clone().work(key, first));
                answer
            }
            Some(next) => {
                if next.is_some() {
                    metrics::counter!("upload_server_session_reads_coalesced_total")
                        .increment(1);
                }
                next.get_or_insert_with(|| Queued::new(read)).answer.clone()
            }
        }
    }

    async fn work(self, key: K, first: Queued<T>) {
        let mut next = Some(first);
        while let Some(Queued { read, sender, .. }) = next {
            // In a task of its own, so that a panic does not leave the key behind.
            if let Ok(answer) = tokio::spawn(read).await {
                let _all_callers_gave_up = sender.send(answer);
            }
            let mut running = self.lock();
            next = running.get_mut(&key).and_then(Option::take);
            if next.is_none() {
                running.remove(&key);
            }
        }
    }

    /// Every change under the lock is one step, so a panic leaves no partial change.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Option<Queued<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::time::Duration;

    #[tokio::test]
    async fn burst_costs_two_reads_and_no_result_is_stale() {
        let (single_flight, asked) =
            (SingleFlight::<_, u64>::default(), Arc::new(AtomicU64::new(0)));
        let (started, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let run = || {
            let (asked, started, ended) = (asked.clone(), started.clone(), ended.clone());
            let before = started.load(SeqCst);
            let read = async move {
                asked.fetch_add(1, SeqCst);
                let number = started.fetch_add(1, SeqCst) + 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                ended.fetch_add(1, SeqCst);
                number
            };
            let single_flight = single_flight.clone();
            async move { (before, single_flight.run("key", read).await.unwrap()) }
        };
        for (before, answered) in join_all((0..100).map(|_| run())).await {
            assert!(answered > before, "read {answered} had started before the request");
        }
        assert_eq!((asked.load(SeqCst), ended.load(SeqCst)), (2, 2));
        assert!(single_flight.lock().is_empty());
    }

    #[tokio::test]
    async fn panicking_read_returns_none_and_leaves_no_key() {
        let single_flight = SingleFlight::<_, u64>::default();
        let panics = single_flight.run("key", async { panic!("on purpose") });
        assert_eq!(panics.await, None);
        assert_eq!(single_flight.run("key", async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn read_completes_after_all_callers_gave_up() {
        let single_flight = SingleFlight::<_, ()>::default();
        let (sender, done) = oneshot::channel();
        let read = single_flight.run("key", async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send(()).unwrap();
        });
        let waited = tokio::time::timeout(Duration::from_millis(1), read).await;
        assert!(waited.is_err());
        done.await.unwrap();
    }
}
