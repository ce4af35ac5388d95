//! What the verification reads found of the acknowledged uploads. A replica that does not
//! answer has not lost a file, so only an answer counts.

use crate::check::final_listing;
use crate::entry::{Entry, ListedFile, Operation, OperationOutcome, ReplyValue};
use std::collections::{BTreeMap, BTreeSet};

/// The acknowledged uploads of all users, after the verification reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedUploads {
    /// Acknowledged uploads.
    pub acknowledged: usize,
    /// Acknowledgements with a hash that is not that of the bytes sent.
    pub corrupted: usize,
    /// Acknowledged uploads with the bytes that were sent.
    pub present: usize,
    /// Acknowledged uploads that are missing or have other bytes.
    pub lost: usize,
    /// Files beyond one for each upload.
    pub duplicated: usize,
    /// Reads of uploads and of lists that got no answer.
    pub unanswered_reads: usize,
}

impl VerifiedUploads {
    /// From the operations of all users.
    #[must_use]
    pub fn of(entries: &[Entry], users: usize) -> Self {
        let mut found = Self::default();
        for user in 0..users {
            let own: Vec<_> = entries.iter().filter(|entry| entry.user == user).collect();
            found.add_user(&own);
        }
        found
    }

    fn add_user(&mut self, own: &[&Entry]) {
        let mut acknowledged = BTreeMap::new();
        for upload in own.iter().filter_map(|entry| AcknowledgedUpload::of(entry)) {
            self.corrupted += usize::from(upload.echoed_sha256 != upload.sent_sha256);
            acknowledged.insert(upload.file_id, upload.sent_sha256);
        }
        self.acknowledged += acknowledged.len();
        for (file_id, sent_sha256) in &acknowledged {
            let mut reads = own.iter().rev();
            match reads.find_map(|entry| is_present(entry, file_id, sent_sha256)) {
                Some(true) => self.present += 1,
                Some(false) => self.lost += 1,
                None => self.unanswered_reads += 1,
            }
        }
        match final_listing(own) {
            Some((_, listed)) => {
                let known = acknowledged.into_keys().collect();
                self.duplicated += extra_files(listed, &known, pending_upload(own));
            }
            None => self.unanswered_reads += 1,
        }
    }
}

struct AcknowledgedUpload<'a> {
    file_id: &'a str,
    sent_sha256: &'a str,
    echoed_sha256: &'a str,
}

impl<'a> AcknowledgedUpload<'a> {
    fn of(entry: &'a Entry) -> Option<Self> {
        match (&entry.operation, &entry.value) {
            (
                Operation::Upload { sha256: sent_sha256, .. },
                ReplyValue::Stored { file_id, sha256: Some(echoed_sha256) },
            ) => Some(Self { file_id, sent_sha256, echoed_sha256 }),
            _ => None,
        }
    }
}

/// Whether a verification read found the bytes; [`None`] if it does not show that.
fn is_present(entry: &Entry, wanted: &str, sent_sha256: &str) -> Option<bool> {
    match &entry.operation {
        Operation::Download { file_id, .. }
            if entry.verification_read && file_id == wanted => {}
        _ => return None,
    }
    match &entry.value {
        ReplyValue::Bytes { sha256, .. } => Some(sha256 == sent_sha256),
        _ => {
            (entry.status == Some(404) && entry.reply_kind.is_problem()).then_some(false)
        }
    }
}

/// The name of the last upload, if it was not acknowledged. It may be present.
fn pending_upload<'a>(own: &[&'a Entry]) -> Option<&'a str> {
    let last = own.iter().rev().find_map(|entry| match &entry.operation {
        Operation::Upload { name, .. } => Some((name.as_str(), entry.outcome)),
        _ => None,
    });
    last.filter(|(_, outcome)| *outcome != OperationOutcome::Ok).map(|(name, _)| name)
}

/// The number of files beyond the acknowledged ones and, at most once, the pending one.
fn extra_files(
    listed: &[ListedFile],
    acknowledged: &BTreeSet<&str>,
    pending: Option<&str>,
) -> usize {
    let unknown: Vec<_> = listed
        .iter()
        .filter(|file| !acknowledged.contains(file.file_id.as_str()))
        .collect();
    let has_pending = unknown.iter().any(|file| Some(file.name.as_str()) == pending);
    unknown.len() - usize::from(has_pending)
}
