//! A concurrency limit for database queries.
//!
//! A waiting caller keeps waiting while other queries succeed, so a burst is served one
//! after another. After the first failure all waiting callers fail at once, because the
//! database does not answer and a queue of them would block all others.

use records::RecordsError;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// Longest wait for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The permits of one replica.
pub(crate) struct ConcurrencyLimit {
    permits: Semaphore,
    failed: Notify,
}

impl ConcurrencyLimit {
    /// Allows `at_once` concurrent queries.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { permits: Semaphore::new(at_once), failed: Notify::new() }
    }

    /// Runs a query when a permit is free.
    ///
    /// # Errors
    /// When the query fails, another query fails while this one waits, or no permit is
    /// free in time.
    pub(crate) async fn run<T>(
        &self,
        query: impl Future<Output = Result<T, RecordsError>>,
    ) -> Result<T, RecordsError> {
        let permit = tokio::select! {
            // In this order, because a failed query also frees a permit.
            biased;
            () = self.failed.notified() => Err(unavailable("another query failed"))?,
            permit = self.permits.acquire() => permit,
            () = tokio::time::sleep(PERMIT_TIMEOUT) => {
                let ms = PERMIT_TIMEOUT.as_millis();
                tracing::warn!(limit = "query permit", ms, "a time limit was reached");
                Err(unavailable("no free permit"))?
            }
        };
        let _permit = permit.map_err(RecordsError::unavailable)?;
        let answer = query.await;
        if answer.is_err() {
            self.failed.notify_waiters();
        }
        answer
    }
}

fn unavailable(reason: &'static str) -> RecordsError {
    RecordsError::unavailable(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use tokio::time::{Instant, sleep};

    const ANSWER: Duration = Duration::from_millis(200);

    async fn burst(limit: &ConcurrencyLimit, answered: bool) -> (usize, Duration) {
        let began = Instant::now();
        let asked = join_all((0..64).map(|_| {
            limit.run(async move {
                sleep(ANSWER).await;
                if answered { Ok(()) } else { Err(unavailable("silent")) }
            })
        }));
        let answers = asked.await.iter().filter(|answer| answer.is_ok()).count();
        (answers, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn burst_is_served_in_order_without_timeout() {
        let (answers, took) = burst(&ConcurrencyLimit::new(4), true).await;
        assert_eq!((answers, took), (64, 16 * ANSWER));
    }

    #[tokio::test(start_paused = true)]
    async fn first_failure_fails_all_waiting_queries() {
        let limit = ConcurrencyLimit::new(4);
        let (answers, took) = burst(&limit, false).await;
        assert_eq!(answers, 0);
        assert!(took < 2 * ANSWER, "{took:?}");
        assert_eq!(burst(&limit, true).await.0, 64, "a later burst");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_permit_times_out() {
        let limit = ConcurrencyLimit::new(1);
        let slow = limit.run(async {
            sleep(2 * PERMIT_TIMEOUT).await;
            Ok(())
        });
        let (slow, late) = tokio::join!(slow, limit.run(async { Ok(()) }));
        assert!(slow.is_ok() && late.is_err());
    }
}
