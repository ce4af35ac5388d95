//! What the users and the story share: when it begins, what was seen, when it is over.

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

/// How long everybody may take to log in before the beginning, or to finish after the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One telling of a story.
pub(crate) struct Stage {
    pub(crate) story: &'static Story,
    pub(crate) settings: Settings,
    /// Nobody begins anything new once it is cancelled.
    pub(crate) over: CancellationToken,
    began: watch::Sender<Option<Instant>>,
    ready: watch::Sender<usize>,
    done: watch::Sender<usize>,
    book: Mutex<Book>,
}

/// What is written down.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Who has not been let loose yet, by number.
    pub(crate) waiting: Vec<Option<Person>>,
    /// Who has finished.
    pub(crate) people: Vec<Person>,
    /// In the order in which they ended.
    pub(crate) samples: Vec<Sample>,
    pub(crate) phases: Vec<Phase>,
    /// When the story was over, in microseconds since the load began.
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

    /// The person of that number; [`None`] if somebody is them already.
    pub(crate) fn take(&self, number: usize) -> Option<Person> {
        self.book().waiting.get_mut(number)?.take()
    }

    /// A user has finished, with everything they know.
    pub(crate) fn give_back(&self, person: Person) {
        self.book().people.push(person);
        self.done.send_modify(|done| *done += 1);
    }

    /// A user is ready, and waits for the beginning; [`None`] if there will be none.
    pub(crate) async fn ready(&self) -> Option<Instant> {
        self.ready.send_modify(|ready| *ready += 1);
        let mut began = self.began.subscribe();
        let begun = self.over.run_until_cancelled(began.wait_for(Option::is_some));
        *begun.await?.ok()?
    }

    /// Begins once everybody is ready.
    ///
    /// # Errors
    /// When not everybody is within [`PATIENCE`].
    pub(crate) async fn begin(&self) -> anyhow::Result<()> {
        let (mut ready, users) = (self.ready.subscribe(), self.settings.users);
        let all = ready.wait_for(|ready| *ready == users);
        let all = self.over.run_until_cancelled(timeout(PATIENCE, all)).await;
        let stopped = all.is_none();
        let in_time = all.is_none_or(|all| all.is_ok());
        let ready = *self.ready.borrow();
        ensure!(in_time, "of {users} users only {ready} got in while nothing was wrong");
        if !stopped {
            self.began.send_replace(Some(Instant::now()));
        }
        Ok(())
    }

    /// Waits until every user has finished what they set out to do.
    ///
    /// # Errors
    /// When they have not by then.
    pub(crate) async fn until_all_are_done(&self, limit: Duration) -> anyhow::Result<()> {
        let (mut done, users) = (self.done.subscribe(), self.settings.users);
        let all = done.wait_for(|done| *done == users);
        match self.over.run_until_cancelled(timeout(limit, all)).await {
            Some(in_time) => in_time.context("not everybody finished").map(drop),
            None => Ok(()),
        }
    }

    /// Microseconds since the load began.
    pub(crate) fn now_us(&self) -> u64 {
        self.began.borrow().map_or(0, |began| micros(began.elapsed()))
    }

    /// Waits until then; returns whether the story still goes on.
    pub(crate) async fn until(&self, then: Instant) -> bool {
        let stopped = self.over.run_until_cancelled(sleep_until(then)).await.is_none();
        !stopped && !self.over.is_cancelled()
    }

    /// Lets time pass; returns whether the story still goes on.
    pub(crate) async fn wait(&self, time: Duration) -> bool {
        self.until(Instant::now() + time).await
    }

    /// A part of the story begins.
    pub(crate) fn phase(&self, name: &str, disturbed: bool, replicas: usize) {
        let (name, from_us) = (name.to_owned(), self.now_us());
        self.book().phases.push(Phase { name, from_us, disturbed, replicas });
    }

    /// The story is told.
    pub(crate) fn end(&self) {
        self.book().span_us = self.now_us();
        self.over.cancel();
    }

    /// Writes a request down.
    pub(crate) fn note(&self, sample: Sample) {
        self.book().samples.push(sample);
    }
}

/// Microseconds as they are written down.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
