//! I1, durability: every acknowledged upload is stored with the right SHA-256, and every
//! acknowledged deletion is permanent (like Jepsen's `set-full` checker for the elements of a
//! set).

use super::before;
use crate::entry::{Act, Ended, Entry, Said};
use crate::history::History;
use crate::report::{Finding, Invariant};
use std::collections::BTreeMap;

/// Checks every acknowledged file.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Kept);
    for user in 0..history.header.users.len() {
        let theirs: Vec<&Entry> = history.of_user(user).collect();
        let sent = sent(&theirs);
        let mut seen = BTreeMap::new();
        for entry in &theirs {
            let (Ended::Ok, Said::Stored { file, .. }) = (entry.ended, &entry.said)
            else {
                continue;
            };
            seen.entry(file.as_str()).or_insert(*entry);
        }
        for (file, stored) in seen {
            let sent = name_of(stored).and_then(|name| sent.get(name).copied());
            let case = Case { file, stored, sent, theirs: &theirs };
            finding.judged += 1;
            case.what_was_echoed(&mut finding);
            case.every_look(&mut finding);
            case.last_list(&mut finding);
        }
    }
    finding
}

/// The hashes of the sent bytes, by file name.
fn sent<'a>(theirs: &[&'a Entry]) -> BTreeMap<&'a str, &'a str> {
    let sent = theirs.iter().filter_map(|entry| match &entry.act {
        Act::Upload { name, sha256, .. } | Act::BeginPieces { name, sha256, .. } => {
            Some((name.as_str(), sha256.as_str()))
        }
        _ => None,
    });
    sent.collect()
}

fn name_of(entry: &Entry) -> Option<&str> {
    match &entry.act {
        Act::Upload { name, .. }
        | Act::SendPiece { name, .. }
        | Act::AskOffset { name, .. } => Some(name),
        _ => None,
    }
}

/// An acknowledged file, and all operations of its owner.
struct Case<'a> {
    file: &'a str,
    stored: &'a Entry,
    sent: Option<&'a str>,
    theirs: &'a [&'a Entry],
}

impl Case<'_> {
    fn what_was_echoed(&self, finding: &mut Finding) {
        let Said::Stored { sha256: Some(echoed), .. } = &self.stored.said else {
            return;
        };
        if Some(echoed.as_str()) != self.sent {
            let says = format!("{} was acknowledged with another hash", self.file);
            finding.broken(says, &[self.stored.number]);
        }
    }

    /// Checks every read and deletion of the file. At least one verification read must be definite.
    fn every_look(&self, finding: &mut Finding) {
        let mut settled = false;
        let looks = self.theirs.iter().filter(|entry| match &entry.act {
            Act::Download { file, .. } | Act::Delete { file, .. } => file == self.file,
            _ => false,
        });
        for look in looks {
            let credential = [self.stored.number, look.number];
            match &look.said {
                Said::Bytes { sha256, .. } => {
                    settled |= look.read_back;
                    if Some(sha256.as_str()) != self.sent {
                        let says = format!("{} was read with other bytes", self.file);
                        finding.broken(says, &credential);
                    }
                    self.not_after_a_delete(look, finding);
                }
                _ if look.says_no_such_file() => {
                    settled |= look.read_back;
                    if before(self.stored, look) && !self.may_be_deleted_at(look) {
                        let says = format!("{} was acknowledged and is lost", self.file);
                        finding.broken(says, &credential);
                    }
                }
                _ => {}
            }
        }
        if !settled {
            finding.doubt(format!("{} has no verification read", self.file));
        }
    }

    fn last_list(&self, finding: &mut Finding) {
        let Some((list, files)) = super::once::last_list(self.theirs) else {
            return finding
                .doubt(format!("user {} has no final listing", self.stored.user));
        };
        if !before(self.stored, list) {
            return;
        }
        let listed = files.iter().any(|listed| listed.file == self.file);
        if listed {
            self.not_after_a_delete(list, finding);
        } else if !self.may_be_deleted_at(list) {
            let says = format!("{} was acknowledged and is not listed", self.file);
            finding.broken(says, &[self.stored.number, list.number]);
        }
    }

    fn not_after_a_delete(&self, look: &Entry, finding: &mut Finding) {
        let gone = |entry: &&&Entry| entry.ended == Ended::Ok && before(entry, look);
        if let Some(delete) = self.deletes().find(gone) {
            let says = format!("{} was deleted and exists again", self.file);
            finding.broken(says, &[delete.number, look.number]);
        }
    }

    /// Whether a deletion was invoked before that did not certainly fail.
    fn may_be_deleted_at(&self, look: &Entry) -> bool {
        self.deletes().any(|delete| {
            delete.number != look.number
                && delete.ended != Ended::Fail
                && delete.began_ms <= look.ended_ms
        })
    }

    fn deletes(&self) -> impl Iterator<Item = &&Entry> {
        self.theirs.iter().filter(
            |entry| matches!(&entry.act, Act::Delete { file, .. } if file == self.file),
        )
    }
}
