//! The recorder: writes operations and faults into the history, with one clock and one order.

use crate::completion::Completion;
use crate::entry::{Entry, Operation, OperationOutcome, ReplyKind, ReplyValue};
use crate::history::{Fault, Header, History, OrphanCount};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Records the history of one run. Clones write into the same history.
#[derive(Clone, Debug)]
pub struct HistoryRecorder {
    started_at: Instant,
    state: Arc<Mutex<RecorderState>>,
}

#[derive(Debug)]
struct RecorderState {
    history: History,
    next_index: u64,
}

/// An invoked operation. If it is dropped before its completion, because its client has
/// disconnected, it is recorded as info: it may have happened.
#[derive(Debug)]
pub(crate) struct PendingOperation {
    recorder: HistoryRecorder,
    entry: Option<Entry>,
}

impl PendingOperation {
    /// Records the completion.
    pub(crate) fn complete(mut self, completion: Completion, value: ReplyValue) {
        let Some(entry) = self.entry.take() else {
            return;
        };
        let Completion {
            completed_at,
            outcome,
            reply_kind,
            status,
            error,
            served_by,
            request_id,
        } = completion;
        let completed = Entry {
            outcome,
            reply_kind,
            value,
            status,
            error,
            served_by,
            request_id,
            completed_us: self.recorder.micros_until(completed_at),
            ..entry
        };
        self.recorder.state().history.entries.push(completed);
    }
}

impl Drop for PendingOperation {
    fn drop(&mut self) {
        if let Some(mut entry) = self.entry.take() {
            entry.completed_us = self.recorder.now_us();
            self.recorder.state().history.entries.push(entry);
        }
    }
}

/// The number of an injected fault.
#[derive(Clone, Copy, Debug)]
pub struct FaultId(usize);

impl HistoryRecorder {
    /// An empty history that starts now.
    #[must_use]
    pub fn new(header: Header) -> Self {
        let (entries, faults, orphans) = Default::default();
        let history = History { header, entries, faults, orphans };
        let state = Arc::new(Mutex::new(RecorderState { history, next_index: 0 }));
        Self { started_at: Instant::now(), state }
    }

    /// Milliseconds since the start of the history.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    /// Microseconds since the start of the history.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.micros_until(Instant::now())
    }

    fn micros_until(&self, moment: Instant) -> u64 {
        u64::try_from((moment - self.started_at).as_micros()).unwrap_or(u64::MAX)
    }

    /// The start of the history.
    #[must_use]
    pub const fn started_at(&self) -> Instant {
        self.started_at
    }

    pub(crate) fn invoke(
        &self,
        user: usize,
        operation: Operation,
        intended_us: Option<u64>,
        verification_read: bool,
    ) -> PendingOperation {
        let mut state = self.state();
        let index = state.next_index;
        state.next_index += 1;
        let invoked_us = self.now_us();
        let entry = Entry {
            index,
            user,
            intended_us,
            invoked_us,
            completed_us: invoked_us,
            operation,
            outcome: OperationOutcome::Info,
            reply_kind: ReplyKind::Cancelled,
            value: ReplyValue::Nothing,
            status: None,
            error: None,
            served_by: None,
            request_id: None,
            verification_read,
        };
        PendingOperation { recorder: self.clone(), entry: Some(entry) }
    }

    /// Records that the injection of a fault is invoked.
    pub fn fault_start_invoked(&self, target: &str, kind: &str) -> FaultId {
        let fault = Fault {
            target: target.to_owned(),
            kind: kind.to_owned(),
            start_invoked_ms: self.now_ms(),
            start_completed_ms: None,
            stop_invoked_ms: None,
            stop_completed_ms: None,
        };
        let mut state = self.state();
        state.history.faults.push(fault);
        FaultId(state.history.faults.len() - 1)
    }

    /// Records that the fault is active.
    pub fn fault_start_completed(&self, fault: FaultId) {
        self.state().history.faults[fault.0].start_completed_ms = Some(self.now_ms());
    }

    /// Records that the repair is invoked.
    pub fn fault_stop_invoked(&self, fault: FaultId) {
        self.state().history.faults[fault.0].stop_invoked_ms = Some(self.now_ms());
    }

    /// Records that the repair is completed.
    pub fn fault_stop_completed(&self, fault: FaultId) {
        self.state().history.faults[fault.0].stop_completed_ms = Some(self.now_ms());
    }

    /// Records the number of orphans of one kind.
    pub fn record_orphans(&self, kind: &str, count: u64) {
        let orphan_count = OrphanCount { kind: kind.to_owned(), count };
        self.state().history.orphans.push(orphan_count);
    }

    /// Calls `inspect` with the operations recorded so far.
    pub fn with_entries<T>(&self, inspect: impl FnOnce(&[Entry]) -> T) -> T {
        inspect(&self.state().history.entries)
    }

    /// The history so far, in the order of the invocations.
    #[must_use]
    pub fn history(&self) -> History {
        let mut history = self.state().history.clone();
        history.entries.sort_by_key(|entry| entry.index);
        history
    }

    fn state(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
