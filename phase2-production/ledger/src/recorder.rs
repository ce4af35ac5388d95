//! How operations and faults get into the history: one clock, one order.

use crate::ending::Ending;
use crate::entry::{Act, Answered, Ended, Entry, Said};
use crate::history::{Fault, Header, History, Leftover};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Writes the history of one run. Clones write into the same one.
#[derive(Clone, Debug)]
pub struct Recorder {
    began: Instant,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
struct Book {
    history: History,
    next: u64,
}

/// An operation that has begun. Dropped before its end was written down, because its
/// client hung up, it is written down as unknown: it may have happened.
#[derive(Debug)]
pub(crate) struct Begun {
    recorder: Recorder,
    entry: Option<Entry>,
}

impl Begun {
    /// How it ended, and what the answer said.
    pub(crate) fn end(mut self, ending: Ending, said: Said) {
        let Some(entry) = self.entry.take() else {
            return;
        };
        let Ending { ended, answered, status, why, served_by, request_id } = ending;
        let known = Entry {
            ended,
            answered,
            said,
            status,
            why,
            served_by,
            request_id,
            ended_ms: self.recorder.now_ms(),
            ..entry
        };
        self.recorder.book().history.entries.push(known);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.ended_ms = self.recorder.now_ms();
            self.recorder.book().history.entries.push(entry);
        }
    }
}

/// A fault that was ordered.
#[derive(Clone, Copy, Debug)]
pub struct FaultNumber(usize);

impl Recorder {
    /// An empty history that begins now.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let (entries, faults, leftovers) = Default::default();
        let history = History { header, entries, faults, leftovers };
        let book = Arc::new(Mutex::new(Book { history, next: 0 }));
        Self { began: Instant::now(), book }
    }

    /// Milliseconds since the history began.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn begin(&self, user: usize, act: Act, read_back: bool) -> Begun {
        let mut book = self.book();
        let number = book.next;
        book.next += 1;
        let began_ms = self.now_ms();
        let entry = Entry {
            number,
            user,
            began_ms,
            ended_ms: began_ms,
            act,
            ended: Ended::Unknown,
            answered: Answered::GaveUp,
            said: Said::Nothing,
            status: None,
            why: None,
            served_by: None,
            request_id: None,
            read_back,
        };
        Begun { recorder: self.clone(), entry: Some(entry) }
    }

    /// A fault is about to strike.
    pub fn fault_ordered(&self, victim: &str, kind: &str) -> FaultNumber {
        let fault = Fault {
            victim: victim.to_owned(),
            kind: kind.to_owned(),
            ordered_ms: self.now_ms(),
            struck_ms: None,
            mending_ms: None,
            mended_ms: None,
        };
        let mut book = self.book();
        book.history.faults.push(fault);
        FaultNumber(book.history.faults.len() - 1)
    }

    /// It has struck.
    pub fn fault_struck(&self, which: FaultNumber) {
        self.book().history.faults[which.0].struck_ms = Some(self.now_ms());
    }

    /// It is about to be mended.
    pub fn mending_ordered(&self, which: FaultNumber) {
        self.book().history.faults[which.0].mending_ms = Some(self.now_ms());
    }

    /// It is mended.
    pub fn fault_mended(&self, which: FaultNumber) {
        self.book().history.faults[which.0].mended_ms = Some(self.now_ms());
    }

    /// Somebody looked for what should be gone, and counted.
    pub fn looked_for(&self, what: &str, count: u64) {
        let leftover = Leftover { what: what.to_owned(), count };
        self.book().history.leftovers.push(leftover);
    }

    /// Looks at what is written so far.
    pub fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.book().history.entries)
    }

    /// The history so far, in the order in which the operations began.
    #[must_use]
    pub fn history(&self) -> History {
        let mut history = self.book().history.clone();
        history.entries.sort_by_key(|entry| entry.number);
        history
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
