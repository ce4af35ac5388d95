//! Single flight: of many who ask the same at once, few ask and all are answered.
//!
//! Not the usual kind, in which whoever comes late joins a question that is already under
//! way: its answer may be older than a logout that was confirmed before they came. Here they
//! wait for the *next* one. So a burst costs two questions, however large it is, and no
//! answer is older than its question.

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Answer<T> = Shared<oneshot::Receiver<T>>;

/// What flies next, and where its answer goes.
struct Next<T> {
    question: BoxFuture<'static, T>,
    tell: oneshot::Sender<T>,
    answer: Answer<T>,
}

impl<T: Clone + Send + Sync + 'static> Next<T> {
    fn new(question: BoxFuture<'static, T>) -> Self {
        let (tell, answer) = oneshot::channel();
        Self { question, tell, answer: answer.shared() }
    }
}

/// Questions under way, by key; a key is here while one flies.
pub(super) struct Flights<K, T>(Arc<Mutex<HashMap<K, Option<Next<T>>>>>);

impl<K, T> Clone for Flights<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The answer to `question`, or to another that was asked for the same key after this
    /// call. `None` if the one who asked panicked. It is asked to the end even if everybody
    /// who wanted to know goes away.
    pub(super) async fn ask(
        &self,
        key: K,
        question: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let answer = self.board(key, question.boxed());
        answer.await.ok()
    }

    fn board(&self, key: K, question: BoxFuture<'static, T>) -> Answer<T> {
        let mut flying = self.lock();
        match flying.get_mut(&key) {
            None => {
                let first = Next::new(question);
                let answer = first.answer.clone();
                flying.insert(key.clone(), None);
                tokio::spawn(self.clone().fly(key, first));
                answer
            }
            Some(next) => {
                if next.is_some() {
                    metrics::counter!("upload_server_session_reads_coalesced_total")
                        .increment(1);
                }
                next.get_or_insert_with(|| Next::new(question)).answer.clone()
            }
        }
    }

    async fn fly(self, key: K, first: Next<T>) {
        let mut next = Some(first);
        while let Some(Next { question, tell, .. }) = next {
            // In a task of its own: a panic must not leave the key behind.
            if let Ok(answer) = tokio::spawn(question).await {
                let _nobody_waits_any_more = tell.send(answer);
            }
            let mut flying = self.lock();
            next = flying.get_mut(&key).and_then(Option::take);
            if next.is_none() {
                flying.remove(&key);
            }
        }
    }

    /// One step under the lock each; a panic cannot leave half of one behind.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Option<Next<T>>>> {
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
    async fn a_burst_costs_two_questions_and_no_answer_is_older_than_its_question() {
        let (flights, asked) =
            (Flights::<_, u64>::default(), Arc::new(AtomicU64::new(0)));
        let (begun, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let ask = || {
            let (asked, begun, ended) = (asked.clone(), begun.clone(), ended.clone());
            let before = begun.load(SeqCst);
            let question = async move {
                asked.fetch_add(1, SeqCst);
                let number = begun.fetch_add(1, SeqCst) + 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                ended.fetch_add(1, SeqCst);
                number
            };
            let flights = flights.clone();
            async move { (before, flights.ask("key", question).await.unwrap()) }
        };
        for (before, answered) in join_all((0..100).map(|_| ask())).await {
            assert!(answered > before, "question {answered} had begun when it was asked");
        }
        assert_eq!((asked.load(SeqCst), ended.load(SeqCst)), (2, 2));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_question_that_panics_is_answered_with_nothing_and_does_not_stay() {
        let flights = Flights::<_, u64>::default();
        let panics = flights.ask("key", async { panic!("on purpose") });
        assert_eq!(panics.await, None);
        assert_eq!(flights.ask("key", async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn a_question_is_asked_to_the_end_when_nobody_waits_any_more() {
        let flights = Flights::<_, ()>::default();
        let (tell, told) = oneshot::channel();
        let question = flights.ask("key", async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tell.send(()).unwrap();
        });
        let waited = tokio::time::timeout(Duration::from_millis(1), question).await;
        assert!(waited.is_err());
        told.await.unwrap();
    }
}
