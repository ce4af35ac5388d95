//! A builder for hand-written histories: one call for each operation, ten milliseconds apart.

use ledger::entry::{Act, Answered, Ended, Entry, Listed, Said};
use ledger::history::{Fault, Leftover};
use ledger::{Header, History, Invariant, Promises, Report, check};

/// Builds a history.
pub(crate) struct HistoryBuilder(History);

pub(crate) fn sha(of: &str) -> String {
    format!("sha-of-{of}")
}

impl HistoryBuilder {
    /// Alice is user 0 and bob user 1.
    pub(crate) fn new() -> Self {
        let users = vec!["alice".to_owned(), "bob".to_owned()];
        let (entries, faults, leftovers) = Default::default();
        Self(History { header: Header::new(7, users), entries, faults, leftovers })
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.entries.len() as u64 * 10
    }

    /// Adds an operation, which is completed before the next one is invoked.
    pub(crate) fn op(mut self, user: usize, act: Act, ended: Ended, said: Said) -> Self {
        let (number, began_ms) = (self.0.entries.len() as u64, self.now());
        let (answered, status) = match ended {
            Ended::Ok => (Answered::Done, 200),
            Ended::Fail => (Answered::Problem, 409),
            Ended::Unknown => (Answered::Problem, 502),
        };
        self.0.entries.push(Entry {
            number,
            user,
            began_ms,
            ended_ms: began_ms + 9,
            act,
            ended,
            answered,
            said,
            status: Some(status),
            why: None,
            served_by: Some("r1".to_owned()),
            request_id: Some(format!("req-{number}")),
            read_back: false,
        });
        self
    }

    /// Changes the last operation.
    pub(crate) fn modify(mut self, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.0.entries.last_mut().expect("there is an operation"));
        self
    }

    pub(crate) fn refused(self, status: u16, why: &str) -> Self {
        self.modify(|entry| {
            entry.status = Some(status);
            entry.why = Some(why.to_owned());
        })
    }

    pub(crate) fn log_in(self, user: usize, credential: &str) -> Self {
        let said = Said::Credential { credential: credential.to_owned() };
        self.op(user, Act::LogIn, Ended::Ok, said)
    }

    pub(crate) fn log_out(self, user: usize, credential: &str, ended: Ended) -> Self {
        self.op(
            user,
            Act::End { credential: credential.to_owned() },
            ended,
            Said::Nothing,
        )
    }

    pub(crate) fn upload(self, user: usize, name: &str, file: &str) -> Self {
        let said = Said::Stored { file: file.to_owned(), sha256: Some(sha(name)) };
        self.op(user, uploading(name), Ended::Ok, said)
    }

    pub(crate) fn upload_with_outcome(
        self,
        user: usize,
        name: &str,
        ended: Ended,
    ) -> Self {
        self.op(user, uploading(name), ended, Said::Nothing)
    }

    pub(crate) fn delete(self, user: usize, file: &str, ended: Ended) -> Self {
        let act = Act::Delete { credential: "p".to_owned(), file: file.to_owned() };
        self.op(user, act, ended, Said::Nothing)
    }

    pub(crate) fn view_session(
        self,
        user: usize,
        credential: &str,
        ended: Ended,
    ) -> Self {
        self.op(
            user,
            Act::Look { credential: credential.to_owned() },
            ended,
            Said::Nothing,
        )
    }

    /// Adds a verification read of the listing: id, name and hash of each file.
    pub(crate) fn listed(self, user: usize, files: &[(&str, &str, &str)]) -> Self {
        let files = files.iter().map(|(file, name, sha256)| Listed {
            file: (*file).to_owned(),
            name: (*name).to_owned(),
            sha256: (*sha256).to_owned(),
        });
        let said = Said::Files { files: files.collect() };
        let act = Act::List { credential: "p".to_owned() };
        self.op(user, act, Ended::Ok, said).modify(|entry| entry.read_back = true)
    }

    /// Adds a verification read of a file: hash and owner of the bytes.
    pub(crate) fn read(self, user: usize, file: &str, sha256: &str, owner: &str) -> Self {
        let said = Said::Bytes {
            sha256: sha256.to_owned(),
            owner: Some(owner.to_owned()).filter(|owner| !owner.is_empty()),
        };
        self.op(user, reading(file), Ended::Ok, said)
            .modify(|entry| entry.read_back = true)
    }

    /// Adds a verification read with the reply 404.
    pub(crate) fn read_not_found(self, user: usize, file: &str) -> Self {
        let read = self.op(user, reading(file), Ended::Fail, Said::Nothing);
        read.refused(404, "file-not-found").modify(|entry| entry.read_back = true)
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
            ordered_ms: from,
            struck_ms: Some(from),
            mending_ms: to,
            mended_ms: to,
        });
        self
    }

    pub(crate) fn orphans(mut self, what: &str, count: u64) -> Self {
        self.0.leftovers.push(Leftover { what: what.to_owned(), count });
        self
    }

    pub(crate) fn history(self) -> History {
        self.0
    }

    pub(crate) fn report(self) -> Report {
        check(&self.0, &Promises::of_central())
    }

    /// Asserts that only this invariant is violated, with these operations as evidence.
    pub(crate) fn assert_violation(self, invariant: Invariant, by: &[u64]) {
        let report = self.report();
        assert_eq!(report.broken(), [invariant], "{report}");
        let violations = &report.of(invariant).violations;
        assert!(violations.iter().any(|one| one.entries == by), "{violations:?}");
    }
}

pub(crate) fn uploading(name: &str) -> Act {
    Act::Upload {
        credential: "p".to_owned(),
        name: name.to_owned(),
        sha256: sha(name),
        key: Some(name.to_owned()),
    }
}

fn reading(file: &str) -> Act {
    Act::Download { credential: "p".to_owned(), file: file.to_owned() }
}
