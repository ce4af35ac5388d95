//! I2, atomicity: each upload has at most one effect, even with retries under its idempotency key
//! (draft-ietf-httpapi-idempotency-key-header). A failed upload leaves nothing; an upload with
//! the outcome info is stored once or not at all, and never partially.

use crate::entry::{Entry, ListedFile, Operation, OperationOutcome, ReplyValue};
use crate::history::History;
use crate::report::{Invariant, InvariantResult};
use std::collections::{BTreeMap, BTreeSet};

/// Checks every uploaded name.
pub(super) fn check(history: &History) -> InvariantResult {
    let mut result = InvariantResult::new(Invariant::AtomicUploads);
    for user in 0..history.header.users.len() {
        let own: Vec<&Entry> = history.of_user(user).collect();
        let attempts = upload_attempts(&own);
        result.checked += attempts.len();
        for (name, upload) in &attempts {
            upload.check_single_file(name, &mut result);
        }
        for list in own.iter().filter(|entry| listed_files(entry).is_some()) {
            check_listing(list, &attempts, &mut result);
        }
        match final_listing(&own) {
            Some((list, files)) => {
                check_failed_uploads(list, files, &attempts, &mut result)
            }
            None if attempts.is_empty() => {}
            None => result.add_inconclusive(format!("user {user} has no final listing")),
        }
    }
    result
}

/// The last complete listing of the verification reads.
pub(crate) fn final_listing<'a>(
    own: &[&'a Entry],
) -> Option<(&'a Entry, &'a [ListedFile])> {
    let mut lists = own.iter().rev().filter(|entry| entry.verification_read);
    lists.find_map(|entry| Some((*entry, listed_files(entry)?)))
}

fn listed_files(entry: &Entry) -> Option<&[ListedFile]> {
    match (&entry.value, entry.outcome) {
        (ReplyValue::Files { files }, OperationOutcome::Ok) => Some(files),
        _ => None,
    }
}

/// All attempts to upload one file.
#[derive(Default)]
struct UploadAttempts<'a> {
    sha256: Option<&'a str>,
    /// The attempts that may have created the file.
    effective: Vec<&'a Entry>,
    operations: Vec<u64>,
}

fn upload_attempts<'a>(own: &[&'a Entry]) -> BTreeMap<&'a str, UploadAttempts<'a>> {
    let mut uploads: BTreeMap<&str, UploadAttempts<'_>> = BTreeMap::new();
    for entry in own {
        let (name, sha256, may_create_file) = match &entry.operation {
            Operation::Upload { name, sha256, .. } => (name, Some(sha256), true),
            Operation::CreateUpload { name, sha256, .. } => (name, Some(sha256), false),
            Operation::SendChunk { name, .. } => (name, None, true),
            _ => continue,
        };
        let one = uploads.entry(name).or_default();
        one.sha256 = one.sha256.or(sha256.map(String::as_str));
        one.operations.push(entry.index);
        if may_create_file && entry.outcome != OperationOutcome::Fail {
            one.effective.push(entry);
        }
    }
    uploads
}

impl UploadAttempts<'_> {
    /// All retries of an upload get the same file.
    fn check_single_file(&self, name: &str, result: &mut InvariantResult) {
        let file_ids = self.effective.iter().filter_map(|entry| match &entry.value {
            ReplyValue::Stored { file_id, .. } => Some(file_id.as_str()),
            _ => None,
        });
        if file_ids.collect::<BTreeSet<_>>().len() > 1 {
            let numbers: Vec<_> = self.effective.iter().map(|one| one.index).collect();
            result.add_violation(format!("{name} was stored as two files"), &numbers);
        }
    }
}

fn check_listing(
    list: &Entry,
    uploads: &BTreeMap<&str, UploadAttempts<'_>>,
    result: &mut InvariantResult,
) {
    let mut seen = BTreeSet::new();
    for listed in listed_files(list).unwrap_or_default() {
        let Some(upload) = uploads.get(listed.name.as_str()) else {
            continue;
        };
        let mut evidence = upload.operations.clone();
        evidence.push(list.index);
        if !seen.insert(listed.name.as_str()) {
            result.add_violation(format!("{} is listed twice", listed.name), &evidence);
        }
        if upload.sha256 != Some(listed.sha256.as_str()) {
            let message = format!("{} is stored with other bytes than sent", listed.name);
            result.add_violation(message, &evidence);
        }
    }
}

fn check_failed_uploads(
    list: &Entry,
    files: &[ListedFile],
    uploads: &BTreeMap<&str, UploadAttempts<'_>>,
    result: &mut InvariantResult,
) {
    for listed in files {
        let failed = uploads.get(listed.name.as_str());
        let Some(failed) = failed.filter(|one| one.effective.is_empty()) else {
            continue;
        };
        let mut evidence = failed.operations.clone();
        evidence.push(list.index);
        let message = format!("{} was refused each time and is stored", listed.name);
        result.add_violation(message, &evidence);
    }
}
