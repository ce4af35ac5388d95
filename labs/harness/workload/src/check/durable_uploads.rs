//! I1, durability: every acknowledged upload is stored with the right SHA-256, and every
//! acknowledged deletion is permanent (like Jepsen's `set-full` checker for the elements of a
//! set).

use super::before;
use crate::entry::{Entry, Operation, OperationOutcome, ReplyValue};
use crate::history::History;
use crate::report::{Invariant, InvariantResult};
use std::collections::BTreeMap;

/// Checks every acknowledged file.
pub(super) fn check(history: &History) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::DurableUploads);
    for user in 0..history.header.users.len() {
        let own: Vec<&Entry> = history.of_user(user).collect();
        let sent = sent_hashes(&own);
        let mut seen = BTreeMap::new();
        for entry in &own {
            let (OperationOutcome::Ok, ReplyValue::Stored { file_id, .. }) =
                (entry.outcome, &entry.value)
            else {
                continue;
            };
            seen.entry(file_id.as_str()).or_insert(*entry);
        }
        for (file_id, stored) in seen {
            let sent_sha256 = file_name(stored).and_then(|name| sent.get(name).copied());
            let case = Case { file_id, stored, sent_sha256, own: &own };
            result.checked += 1;
            case.check_acknowledged_hash(&mut result);
            case.check_reads(&mut result);
            case.check_final_listing(&mut result);
        }
    }
    result
}

/// The hashes of the sent bytes, by file name.
fn sent_hashes<'a>(own: &[&'a Entry]) -> BTreeMap<&'a str, &'a str> {
    let sent = own.iter().filter_map(|entry| match &entry.operation {
        Operation::Upload { name, sha256, .. }
        | Operation::CreateUpload { name, sha256, .. } => {
            Some((name.as_str(), sha256.as_str()))
        }
        _ => None,
    });
    sent.collect()
}

fn file_name(entry: &Entry) -> Option<&str> {
    match &entry.operation {
        Operation::Upload { name, .. }
        | Operation::SendChunk { name, .. }
        | Operation::ReadOffset { name, .. } => Some(name),
        _ => None,
    }
}

/// An acknowledged file, and all operations of its owner.
struct Case<'a> {
    file_id: &'a str,
    stored: &'a Entry,
    sent_sha256: Option<&'a str>,
    own: &'a [&'a Entry],
}

impl Case<'_> {
    fn check_acknowledged_hash(&self, result: &mut InvariantResult) {
        let ReplyValue::Stored { sha256: Some(echoed), .. } = &self.stored.value else {
            return;
        };
        if Some(echoed.as_str()) != self.sent_sha256 {
            let message = format!("{} was acknowledged with another hash", self.file_id);
            result.add_violation(message, &[self.stored.index]);
        }
    }

    /// Checks every read and deletion of the file. At least one verification read must be definite.
    fn check_reads(&self, result: &mut InvariantResult) {
        let mut settled = false;
        let reads = self.own.iter().filter(|entry| match &entry.operation {
            Operation::Download { file_id, .. } | Operation::Delete { file_id, .. } => {
                file_id == self.file_id
            }
            _ => false,
        });
        for read in reads {
            let evidence = [self.stored.index, read.index];
            match &read.value {
                ReplyValue::Bytes { sha256, .. } => {
                    settled |= read.verification_read;
                    if Some(sha256.as_str()) != self.sent_sha256 {
                        let message =
                            format!("{} was read with other bytes", self.file_id);
                        result.add_violation(message, &evidence);
                    }
                    self.check_not_deleted(read, result);
                }
                _ if read.is_file_not_found() => {
                    settled |= read.verification_read;
                    if before(self.stored, read) && !self.may_be_deleted_at(read) {
                        let message =
                            format!("{} was acknowledged and is lost", self.file_id);
                        result.add_violation(message, &evidence);
                    }
                }
                _ => {}
            }
        }
        if !settled {
            result.add_inconclusive(format!("{} has no verification read", self.file_id));
        }
    }

    fn check_final_listing(&self, result: &mut InvariantResult) {
        let Some((list, files)) = super::atomic_uploads::final_listing(self.own) else {
            return result.add_inconclusive(format!(
                "user {} has no final listing",
                self.stored.user
            ));
        };
        if !before(self.stored, list) {
            return;
        }
        let listed = files.iter().any(|listed| listed.file_id == self.file_id);
        if listed {
            self.check_not_deleted(list, result);
        } else if !self.may_be_deleted_at(list) {
            let message = format!("{} was acknowledged and is not listed", self.file_id);
            result.add_violation(message, &[self.stored.index, list.index]);
        }
    }

    fn check_not_deleted(&self, read: &Entry, result: &mut InvariantResult) {
        let gone = |entry: &&&Entry| {
            entry.outcome == OperationOutcome::Ok && before(entry, read)
        };
        if let Some(delete) = self.deletes().find(gone) {
            let message = format!("{} was deleted and exists again", self.file_id);
            result.add_violation(message, &[delete.index, read.index]);
        }
    }

    /// Whether a deletion was invoked before that did not certainly fail.
    fn may_be_deleted_at(&self, read: &Entry) -> bool {
        self.deletes().any(|delete| {
            delete.index != read.index
                && delete.outcome != OperationOutcome::Fail
                && delete.invoked_ms() <= read.completed_ms()
        })
    }

    fn deletes(&self) -> impl Iterator<Item = &&Entry> {
        self.own.iter().filter(
            |entry| matches!(&entry.operation, Operation::Delete { file_id, .. } if file_id == self.file_id),
        )
    }
}
