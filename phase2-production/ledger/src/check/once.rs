//! I2, atomicity: each upload has at most one effect, even with retries under its idempotency key
//! (draft-ietf-httpapi-idempotency-key-header). A failed upload leaves nothing; an upload with
//! the outcome info is stored once or not at all, and never partially.

use crate::entry::{Act, Ended, Entry, Listed, Said};
use crate::history::History;
use crate::report::{Finding, Invariant};
use std::collections::{BTreeMap, BTreeSet};

/// Checks every uploaded name.
pub(super) fn check(history: &History) -> Finding {
    let mut finding = Finding::new(Invariant::Once);
    for user in 0..history.header.users.len() {
        let theirs: Vec<&Entry> = history.of_user(user).collect();
        let wanted = wanted(&theirs);
        finding.judged += wanted.len();
        for (name, wanted) in &wanted {
            wanted.one_answer(name, &mut finding);
        }
        for list in theirs.iter().filter(|entry| files_of(entry).is_some()) {
            no_name_twice_and_none_half(list, &wanted, &mut finding);
        }
        match last_list(&theirs) {
            Some((list, files)) => {
                no_trace_of_failures(list, files, &wanted, &mut finding)
            }
            None if wanted.is_empty() => {}
            None => finding.doubt(format!("user {user} has no final listing")),
        }
    }
    finding
}

/// The last complete listing of the verification reads.
pub(super) fn last_list<'a>(theirs: &[&'a Entry]) -> Option<(&'a Entry, &'a [Listed])> {
    let mut lists = theirs.iter().rev().filter(|entry| entry.read_back);
    lists.find_map(|entry| Some((*entry, files_of(entry)?)))
}

fn files_of(entry: &Entry) -> Option<&[Listed]> {
    match (&entry.said, entry.ended) {
        (Said::Files { files }, Ended::Ok) => Some(files),
        _ => None,
    }
}

/// All attempts to upload one file.
#[derive(Default)]
struct Wanted<'a> {
    sha256: Option<&'a str>,
    /// The attempts that may have created the file.
    effective: Vec<&'a Entry>,
    attempts: Vec<u64>,
}

fn wanted<'a>(theirs: &[&'a Entry]) -> BTreeMap<&'a str, Wanted<'a>> {
    let mut wanted: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for entry in theirs {
        let (name, sha256, may_make_it) = match &entry.act {
            Act::Upload { name, sha256, .. } => (name, Some(sha256), true),
            Act::BeginPieces { name, sha256, .. } => (name, Some(sha256), false),
            Act::SendPiece { name, .. } => (name, None, true),
            _ => continue,
        };
        let one = wanted.entry(name).or_default();
        one.sha256 = one.sha256.or(sha256.map(String::as_str));
        one.attempts.push(entry.number);
        if may_make_it && entry.ended != Ended::Fail {
            one.effective.push(entry);
        }
    }
    wanted
}

impl Wanted<'_> {
    /// All retries of an upload get the same file.
    fn one_answer(&self, name: &str, finding: &mut Finding) {
        let told = self.effective.iter().filter_map(|entry| match &entry.said {
            Said::Stored { file, .. } => Some(file.as_str()),
            _ => None,
        });
        if told.collect::<BTreeSet<_>>().len() > 1 {
            let numbers: Vec<_> = self.effective.iter().map(|one| one.number).collect();
            finding.broken(format!("{name} was stored as two files"), &numbers);
        }
    }
}

fn no_name_twice_and_none_half(
    list: &Entry,
    wanted: &BTreeMap<&str, Wanted<'_>>,
    finding: &mut Finding,
) {
    let mut seen = BTreeSet::new();
    for listed in files_of(list).unwrap_or_default() {
        let Some(wanted) = wanted.get(listed.name.as_str()) else {
            continue;
        };
        let mut credential = wanted.attempts.clone();
        credential.push(list.number);
        if !seen.insert(listed.name.as_str()) {
            finding.broken(format!("{} is listed twice", listed.name), &credential);
        }
        if wanted.sha256 != Some(listed.sha256.as_str()) {
            let says = format!("{} is stored with other bytes than sent", listed.name);
            finding.broken(says, &credential);
        }
    }
}

fn no_trace_of_failures(
    list: &Entry,
    files: &[Listed],
    wanted: &BTreeMap<&str, Wanted<'_>>,
    finding: &mut Finding,
) {
    for listed in files {
        let failed = wanted.get(listed.name.as_str());
        let Some(failed) = failed.filter(|one| one.effective.is_empty()) else {
            continue;
        };
        let mut credential = failed.attempts.clone();
        credential.push(list.number);
        let says = format!("{} was refused each time and is stored", listed.name);
        finding.broken(says, &credential);
    }
}
