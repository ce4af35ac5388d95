//! State shared by users and faults: start, end, phases and records.

use crate::life::Person;
use crate::phase::Phase;
use crate::sample::Sample;
use crate::settings::Settings;
use crate::story::Story;
use anyhow::{Context, ensure};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// Limit for all logins before the load, and for the last requests after it.
pub(crate) const USERS_TIMEOUT: Duration = Duration::from_secs(60);

/// One run of a scenario.
pub(crate) struct Stage {
    pub(crate) story: &'static Story,
    pub(crate) settings: Settings,
    /// Users send no new requests once it is cancelled.
    pub(crate) over: CancellationToken,
    began: watch::Sender<Option<Instant>>,
    ready: watch::Sender<usize>,
    done: watch::Sender<usize>,
    book: Mutex<Book>,
}

/// The records.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Users that have not started yet, by number.
    pub(crate) waiting: Vec<Option<Person>>,
    /// Users that have finished.
    pub(crate) people: Vec<Person>,
    /// In the order of their ends.
    pub(crate) samples: Vec<Sample>,
    pub(crate) phases: Vec<Phase>,
    /// End of the load, in microseconds since its start.
    pub(crate) span_us: u64,
}

impl Stage {
    pub(crate) fn new(
        story: &'static Story,
        settings: Settings,
        people: Vec<Person>,
        over: CancellationToken,
    ) -> Self {
        let waiting = people.into_iter().map(Some).collect();
        let book = Book { waiting, ..Book::default() };
        Self {
            story,
            settings,
            over,
            began: watch::Sender::new(None),
            ready: watch::Sender::new(0),
            done: watch::Sender::new(0),
            book: Mutex::new(book),
        }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user of that number; [`None`] if it is already taken.
    pub(crate) fn take(&self, number: usize) -> Option<Person> {
        self.book().waiting.get_mut(number)?.take()
    }

    /// A user has finished; returns its records.
    pub(crate) fn give_back(&self, person: Person) {
        self.book().people.push(person);
        self.done.send_modify(|done| *done += 1);
    }

    /// A user is ready and waits for the start; [`None`] if the run was stopped.
    pub(crate) async fn ready(&self) -> Option<Instant> {
        self.ready.send_modify(|ready| *ready += 1);
        let mut began = self.began.subscribe();
        let begun = self.over.run_until_cancelled(began.wait_for(Option::is_some));
        *begun.await?.ok()?
    }

    /// Starts the load once all users are ready.
    pub(crate) async fn begin(&self) -> anyhow::Result<()> {
        let (mut ready, users) = (self.ready.subscribe(), self.settings.users);
        let all = ready.wait_for(|ready| *ready == users);
        let all = self.over.run_until_cancelled(timeout(USERS_TIMEOUT, all)).await;
        let stopped = all.is_none();
        let in_time = all.is_none_or(|all| all.is_ok());
        let ready = *self.ready.borrow();
        ensure!(in_time, "only {ready} of {users} users could log in, without any fault");
        if !stopped {
            self.began.send_replace(Some(Instant::now()));
        }
        Ok(())
    }

    /// Waits until every user has finished its last action.
    pub(crate) async fn until_all_are_done(&self, limit: Duration) -> anyhow::Result<()> {
        let (mut done, users) = (self.done.subscribe(), self.settings.users);
        let all = done.wait_for(|done| *done == users);
        match self.over.run_until_cancelled(timeout(limit, all)).await {
            Some(in_time) => in_time.context("some users did not finish").map(drop),
            None => Ok(()),
        }
    }

    /// Microseconds since the start of the load.
    pub(crate) fn now_us(&self) -> u64 {
        self.began.borrow().map_or(0, |began| micros(began.elapsed()))
    }

    /// Waits until then; returns whether the load still runs.
    pub(crate) async fn until(&self, then: Instant) -> bool {
        let stopped = self.over.run_until_cancelled(sleep_until(then)).await.is_none();
        !stopped && !self.over.is_cancelled()
    }

    /// Waits; returns whether the load still runs.
    pub(crate) async fn wait(&self, time: Duration) -> bool {
        self.until(Instant::now() + time).await
    }

    /// Starts a phase.
    pub(crate) fn phase(&self, name: &str, disturbed: bool, replicas: usize) {
        let (name, from_us) = (name.to_owned(), self.now_us());
        self.book().phases.push(Phase { name, from_us, disturbed, replicas });
    }

    /// Ends the load.
    pub(crate) fn end(&self) {
        self.book().span_us = self.now_us();
        self.over.cancel();
    }

    /// Records a request.
    pub(crate) fn note(&self, sample: Sample) {
        self.book().samples.push(sample);
    }
}

/// Microseconds, as in the records.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
