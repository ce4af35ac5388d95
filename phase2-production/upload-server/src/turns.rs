//! Leave to ask the records, for a few at a time.
//!
//! Whoever waits for a turn goes on waiting while others get answers: a crowd that came at
//! once is served, one after another. With the first who gets none, everybody who waits
//! gives up: there is nothing to wait for, and a queue of them would keep all others out.

use records::RecordsError;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// The longest wait for a turn. Whoever asked has gone by then, or will ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The turns of one replica.
pub(crate) struct Turns {
    free: Semaphore,
    silent: Notify,
}

impl Turns {
    /// So many at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { free: Semaphore::new(at_once), silent: Notify::new() }
    }

    /// The answer to a question, when its turn has come.
    ///
    /// # Errors
    /// When the records did not answer it, or did not answer somebody before it.
    pub(crate) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, RecordsError>>,
    ) -> Result<T, RecordsError> {
        let turn = tokio::select! {
            // In this order: the first who gets no answer also leaves a turn free.
            biased;
            () = self.silent.notified() => Err(unavailable("nobody is answered"))?,
            turn = self.free.acquire() => turn,
            () = tokio::time::sleep(LONGEST_WAIT) => Err(unavailable("no turn came"))?,
        };
        let _turn = turn.map_err(RecordsError::unavailable)?;
        let answer = question.await;
        if answer.is_err() {
            self.silent.notify_waiters();
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

    async fn a_crowd(turns: &Turns, answered: bool) -> (usize, Duration) {
        let began = Instant::now();
        let asked = join_all((0..64).map(|_| {
            turns.ask(async move {
                sleep(ANSWER).await;
                if answered { Ok(()) } else { Err(unavailable("silent")) }
            })
        }));
        let answers = asked.await.iter().filter(|answer| answer.is_ok()).count();
        (answers, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_answered_one_after_another_for_as_long_as_that_takes() {
        let (answers, took) = a_crowd(&Turns::new(4), true).await;
        assert_eq!((answers, took), (64, 16 * ANSWER));
    }

    #[tokio::test(start_paused = true)]
    async fn when_nobody_is_answered_the_crowd_goes_home_with_the_first() {
        let turns = Turns::new(4);
        let (answers, took) = a_crowd(&turns, false).await;
        assert_eq!(answers, 0);
        assert!(took < 2 * ANSWER, "{took:?}");
        assert_eq!(a_crowd(&turns, true).await.0, 64, "and comes back");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_behind_others() {
        let turns = Turns::new(1);
        let slow = turns.ask(async {
            sleep(2 * LONGEST_WAIT).await;
            Ok(())
        });
        let (slow, late) = tokio::join!(slow, turns.ask(async { Ok(()) }));
        assert!(slow.is_ok() && late.is_err());
    }
}
