//! A builder for hand-written histories: one call for each operation, ten milliseconds apart.

use workload::entry::{
    Entry, ListedFile, Operation, OperationOutcome, ReplyKind, ReplyValue,
};
use workload::history::{Fault, OrphanCount};
use workload::{Guarantees, Header, History, Invariant, Report, check};

/// Builds a history.
pub(crate) struct HistoryBuilder(History);

pub(crate) fn sha(of: &str) -> String {
    format!("sha-of-{of}")
}

impl HistoryBuilder {
    /// Alice is user 0 and bob user 1.
    pub(crate) fn new() -> Self {
        let users = vec!["alice".to_owned(), "bob".to_owned()];
        let (entries, faults, orphans) = Default::default();
        Self(History { header: Header::new(7, users), entries, faults, orphans })
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.entries.len() as u64 * 10
    }

    /// Adds an operation, which is completed before the next one is invoked.
    pub(crate) fn op(
        mut self,
        user: usize,
        operation: Operation,
        outcome: OperationOutcome,
        value: ReplyValue,
    ) -> Self {
        let (index, invoked_us) = (self.0.entries.len() as u64, self.now() * 1_000);
        let (reply_kind, status) = match outcome {
            OperationOutcome::Ok => (ReplyKind::Success, 200),
            OperationOutcome::Fail => (ReplyKind::Problem, 409),
            OperationOutcome::Info => (ReplyKind::Problem, 502),
        };
        self.0.entries.push(Entry {
            index,
            user,
            intended_us: None,
            invoked_us,
            completed_us: invoked_us + 9_000,
            operation,
            outcome,
            reply_kind,
            value,
            status: Some(status),
            error: None,
            served_by: Some("r1".to_owned()),
            request_id: Some(format!("req-{index}")),
            verification_read: false,
        });
        self
    }

    /// Changes the last operation.
    pub(crate) fn modify(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.0.entries.last_mut().expect("there is an operation"));
        self
    }

    pub(crate) fn refused(self, status: u16, error: &str) -> Self {
        self.modify(|entry| {
            entry.status = Some(status);
            entry.error = Some(error.to_owned());
        })
    }

    pub(crate) fn log_in(self, user: usize, credential: &str) -> Self {
        let value = ReplyValue::Credential { credential: credential.to_owned() };
        self.op(user, Operation::LogIn, OperationOutcome::Ok, value)
    }

    pub(crate) fn log_out(
        self,
        user: usize,
        credential: &str,
        outcome: OperationOutcome,
    ) -> Self {
        self.op(
            user,
            Operation::LogOut { credential: credential.to_owned() },
            outcome,
            ReplyValue::Nothing,
        )
    }

    pub(crate) fn upload(self, user: usize, name: &str, file: &str) -> Self {
        let value =
            ReplyValue::Stored { file_id: file.to_owned(), sha256: Some(sha(name)) };
        self.op(user, uploading(name), OperationOutcome::Ok, value)
    }

    pub(crate) fn upload_with_outcome(
        self,
        user: usize,
        name: &str,
        outcome: OperationOutcome,
    ) -> Self {
        self.op(user, uploading(name), outcome, ReplyValue::Nothing)
    }

    pub(crate) fn delete(
        self,
        user: usize,
        file: &str,
        outcome: OperationOutcome,
    ) -> Self {
        let operation =
            Operation::Delete { credential: "p".to_owned(), file_id: file.to_owned() };
        self.op(user, operation, outcome, ReplyValue::Nothing)
    }

    pub(crate) fn view_session(
        self,
        user: usize,
        credential: &str,
        outcome: OperationOutcome,
    ) -> Self {
        self.op(
            user,
            Operation::ViewSession { credential: credential.to_owned() },
            outcome,
            ReplyValue::Nothing,
        )
    }

    /// Adds a verification read of the listing: id, name and hash of each file.
    pub(crate) fn listed(self, user: usize, files: &[(&str, &str, &str)]) -> Self {
        let files = files.iter().map(|(file, name, sha256)| ListedFile {
            file_id: (*file).to_owned(),
            name: (*name).to_owned(),
            sha256: (*sha256).to_owned(),
        });
        let value = ReplyValue::Files { files: files.collect() };
        let operation = Operation::List { credential: "p".to_owned() };
        self.op(user, operation, OperationOutcome::Ok, value)
            .modify(|entry| entry.verification_read = true)
    }

    /// Adds a verification read of a file: hash and owner of the bytes.
    pub(crate) fn read(self, user: usize, file: &str, sha256: &str, owner: &str) -> Self {
        let value = ReplyValue::Bytes {
            sha256: sha256.to_owned(),
            owner: Some(owner.to_owned()).filter(|owner| !owner.is_empty()),
        };
        self.op(user, reading(file), OperationOutcome::Ok, value)
            .modify(|entry| entry.verification_read = true)
    }

    /// Adds a verification read with the reply 404.
    pub(crate) fn read_not_found(self, user: usize, file: &str) -> Self {
        let read =
            self.op(user, reading(file), OperationOutcome::Fail, ReplyValue::Nothing);
        read.refused(404, "file-not-found").modify(|entry| entry.verification_read = true)
    }

    pub(crate) fn fault(self, target: &str, from: u64, to: u64) -> Self {
        self.fault_of_kind(target, "kill", from, Some(to))
    }

    /// Adds a fault of any kind, which is never repaired without `to`.
    pub(crate) fn fault_of_kind(
        mut self,
        target: &str,
        kind: &str,
        from: u64,
        to: Option<u64>,
    ) -> Self {
        self.0.faults.push(Fault {
            target: target.to_owned(),
            kind: kind.to_owned(),
            start_invoked_ms: from,
            start_completed_ms: Some(from),
            stop_invoked_ms: to,
            stop_completed_ms: to,
        });
        self
    }

    pub(crate) fn orphans(mut self, what: &str, count: u64) -> Self {
        self.0.orphans.push(OrphanCount { kind: what.to_owned(), count });
        self
    }

    pub(crate) fn history(self) -> History {
        self.0
    }

    pub(crate) fn report(self) -> Report {
        check(&self.0, &Guarantees::of_central())
    }

    /// Asserts that only this invariant is violated, with these operations as evidence.
    pub(crate) fn assert_violation(self, invariant: Invariant, by: &[u64]) {
        let report = self.report();
        assert_eq!(report.violated(), [invariant], "{report}");
        let violations = &report.result_of(invariant).violations;
        assert!(violations.iter().any(|one| one.operations == by), "{violations:?}");
    }
}

pub(crate) fn uploading(name: &str) -> Operation {
    Operation::Upload {
        credential: "p".to_owned(),
        name: name.to_owned(),
        sha256: sha(name),
        key: Some(name.to_owned()),
    }
}

fn reading(file: &str) -> Operation {
    Operation::Download { credential: "p".to_owned(), file_id: file.to_owned() }
}
