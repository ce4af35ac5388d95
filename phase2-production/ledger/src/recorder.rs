//! The recorder: writes operations and faults into the history, with one clock and one order.

use crate::ending::Ending;
use crate::entry::{Act, Answered, Ended, Entry, Said};
use crate::history::{Fault, Header, History, Leftover};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Records the history of one run. Clones write into the same history.
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

/// An invoked operation. If it is dropped before its completion, because its client has
/// disconnected, it is recorded as info: it may have happened.
#[derive(Debug)]
pub(crate) struct Begun {
    recorder: Recorder,
    entry: Option<Entry>,
}

impl Begun {
    /// Records the completion.
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

/// The number of an injected fault.
#[derive(Clone, Copy, Debug)]
pub struct FaultNumber(usize);

impl Recorder {
    /// An empty history that starts now.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let (entries, faults, leftovers) = Default::default();
        let history = History { header, entries, faults, leftovers };
        let book = Arc::new(Mutex::new(Book { history, next: 0 }));
        Self { began: Instant::now(), book }
    }

    /// Milliseconds since the start of the history.
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

    /// Records that the injection of a fault is invoked.
    pub fn fault_ordered(&self, target: &str, kind: &str) -> FaultNumber {
        let fault = Fault {
            target: target.to_owned(),
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

    /// Records that the fault is active.
    pub fn fault_struck(&self, which: FaultNumber) {
        self.book().history.faults[which.0].struck_ms = Some(self.now_ms());
    }

    /// Records that the repair is invoked.
    pub fn mending_ordered(&self, which: FaultNumber) {
        self.book().history.faults[which.0].mending_ms = Some(self.now_ms());
    }

    /// Records that the repair is completed.
    pub fn fault_mended(&self, which: FaultNumber) {
        self.book().history.faults[which.0].mended_ms = Some(self.now_ms());
    }

    /// Records the number of orphans of one kind.
    pub fn looked_for(&self, what: &str, count: u64) {
        let leftover = Leftover { what: what.to_owned(), count };
        self.book().history.leftovers.push(leftover);
    }

    /// Calls `look` with the operations recorded so far.
    pub fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.book().history.entries)
    }

    /// The history so far, in the order of the invocations.
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
